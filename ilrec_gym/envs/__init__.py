"""Environments: the sessions engine, observations, candidates, and the Gymnasium classes."""
