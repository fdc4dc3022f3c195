"""Groundings: from what a model says to an item of the catalogue."""
