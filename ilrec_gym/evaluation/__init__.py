"""Evaluation: sessions played and recorded, metrics with intervals over users and seeds, results as files."""

from ilrec_gym.evaluation.catalogue_facts import CatalogueFacts
from ilrec_gym.evaluation.evaluate import evaluate
from ilrec_gym.evaluation.over_seeds import (
    PerSeed,
    Profile,
    difference_over_seeds,
    interquartile_mean,
    mean_over_seeds,
    performance_profile,
    probability_of_improvement,
)
from ilrec_gym.evaluation.result import Evaluation
from ilrec_gym.evaluation.rollout import rollout
from ilrec_gym.evaluation.session_log import SessionLog
from ilrec_gym.evaluation.statistics import Interval, PerUser, interval, paired_difference

__all__ = [
    "CatalogueFacts",
    "Evaluation",
    "Interval",
    "PerSeed",
    "PerUser",
    "Profile",
    "SessionLog",
    "difference_over_seeds",
    "evaluate",
    "interquartile_mean",
    "interval",
    "mean_over_seeds",
    "paired_difference",
    "performance_profile",
    "probability_of_improvement",
    "rollout",
]
