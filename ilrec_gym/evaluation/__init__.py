"""Evaluation: sessions played and recorded, metrics with intervals over users, results as files."""

from ilrec_gym.evaluation.catalogue_facts import CatalogueFacts
from ilrec_gym.evaluation.evaluate import evaluate
from ilrec_gym.evaluation.result import Evaluation
from ilrec_gym.evaluation.rollout import rollout
from ilrec_gym.evaluation.session_log import SessionLog
from ilrec_gym.evaluation.statistics import Interval, PerUser, interval, paired_difference

__all__ = [
    "CatalogueFacts",
    "Evaluation",
    "Interval",
    "PerUser",
    "SessionLog",
    "evaluate",
    "interval",
    "paired_difference",
    "rollout",
]
