"""The modules of a teacher: each asks a language model one thing, for many sessions at once."""
