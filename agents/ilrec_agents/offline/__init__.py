"""Datasets of sessions, and agents that learn from them through d3rlpy."""
