"""Models: which are known, where they are kept, and how they are fetched."""
