"""Linear bandits on public features: one model for everybody, and each session's own taste."""
