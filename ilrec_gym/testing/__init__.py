"""Contract tests for environments and agents, shipped so that authors of plugins can run them."""
