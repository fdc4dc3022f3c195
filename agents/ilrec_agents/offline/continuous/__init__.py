"""Continuous algorithms play catalogues: an action is a point among the items, and the item nearest to it is taken."""
