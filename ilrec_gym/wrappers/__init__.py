"""Wrappers around the environments."""
