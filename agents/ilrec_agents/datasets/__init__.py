"""Offline datasets that everyone can name, made from seeds, and the normalised score."""

from ilrec_agents.datasets.making import folder_of, make_dataset
from ilrec_agents.datasets.recipes import RECIPES, DatasetInfo, Part, Recipe, list_datasets, recipe_of
from ilrec_agents.datasets.scores import References, normalised_score, references

__all__ = [
    "RECIPES",
    "DatasetInfo",
    "Part",
    "Recipe",
    "References",
    "folder_of",
    "list_datasets",
    "make_dataset",
    "normalised_score",
    "recipe_of",
    "references",
]
