"""Data sets in one validated form: loading, catalogue, splits and profiles."""

from ilrec_gym.data.catalogue import catalogue_of
from ilrec_gym.data.load import load_dataset
from ilrec_gym.data.load_report import LoadReport
from ilrec_gym.data.registry import DATASETS, DatasetSource
from ilrec_gym.data.schema import InteractionData, Interactions, Items, Users
from ilrec_gym.data.splits import profiles_of, split_of
from ilrec_gym.data.titles import readable_title

__all__ = [
    "DATASETS",
    "DatasetSource",
    "InteractionData",
    "Interactions",
    "Items",
    "LoadReport",
    "Users",
    "catalogue_of",
    "load_dataset",
    "profiles_of",
    "readable_title",
    "split_of",
]
