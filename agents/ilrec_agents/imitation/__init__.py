"""Imitation: reward models learned from demonstrations, and relabelling."""
