"""Datasets of sessions: in memory, as HDF5 that d3rlpy opens, and as d3rlpy's replay buffer."""

from ilrec_agents.offline.episodes import DatasetTask, Episode, SessionDataset, Transitions, closed
from ilrec_agents.offline.hdf5 import load, read_all, read_hdf5, write_hdf5

__all__ = [
    "DatasetTask",
    "Episode",
    "SessionDataset",
    "Transitions",
    "closed",
    "load",
    "read_all",
    "read_hdf5",
    "write_hdf5",
]
