"""Agents that learn a model of the viewers from logged sessions, and a policy by playing in it."""
