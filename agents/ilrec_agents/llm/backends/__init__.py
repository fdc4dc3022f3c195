"""Back-ends: each one file that provides what backend.py asks for."""
