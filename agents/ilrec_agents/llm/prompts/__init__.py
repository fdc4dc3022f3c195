"""Prompts: data files with a version, replaceable by a path."""
