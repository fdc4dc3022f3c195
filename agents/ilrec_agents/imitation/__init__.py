"""Inverse RL: reward models that are learned from demonstrations, and relabelling datasets with them."""
