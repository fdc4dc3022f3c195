"""The benchmark: runs of agents over seeds and environments, and the report of what they came to."""
