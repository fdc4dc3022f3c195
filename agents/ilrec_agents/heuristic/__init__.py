"""Heuristics and oracles."""
