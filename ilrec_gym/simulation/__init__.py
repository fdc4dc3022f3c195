"""Simulation: who likes what, satiation, exit rules, user models, and the simulator that runs them."""
