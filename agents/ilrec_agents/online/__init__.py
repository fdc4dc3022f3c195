"""Agents that learn by playing, through stable-baselines3."""
