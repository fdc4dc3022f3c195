"""Which runs a benchmark is made of, and doing them: in parallel, resumable, each in a folder of its own."""
