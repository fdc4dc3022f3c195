"""Memories: texts and what came of them, found again by likeness."""
