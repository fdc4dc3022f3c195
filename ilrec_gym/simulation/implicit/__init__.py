"""Preferences from feedback without ratings: weighted factors, how well they rank, and a scale for their scores."""
