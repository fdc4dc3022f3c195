"""A hazard of leaving, fitted on the gaps between ratings of real logs."""
