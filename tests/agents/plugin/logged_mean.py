"""An agent of another package: the film that was rated best in the log."""

from dataclasses import dataclass

import numpy as np

from ilrec_agents.base import ItemScoringAgent
from ilrec_gym.errors import UsageError
from ilrec_gym.files import read_arrays, write_arrays


@dataclass(frozen=True)
class LoggedMeanConfig:
    """Settings of ``logged_mean``.

    Attributes:
        prior: Ratings of the overall mean that every film is given beforehand.
    """

    prior: float = 5.0


class LoggedMeanAgent(ItemScoringAgent):
    """The film that was rated best in the log, the same for everybody."""

    name, family, learns_from, Config = "logged_mean", "offline", "dataset", LoggedMeanConfig
    means = None

    def fit(self, source=None, *, watch=None):
        places = {item: index for index, item in enumerate(self.task.catalogue.ids.tolist())}
        items, rewards = [places[item] for item in source.extra("item_id").tolist()], source.transitions().rewards
        count = np.bincount(items, minlength=len(places)) + self.config.prior
        total = np.bincount(items, rewards, minlength=len(places)) + self.config.prior * rewards.mean()
        self.means = total / count
        return self

    def item_scores(self, observations, infos):
        if self.means is None:
            raise UsageError("the agent must have learned before it acts", fix="call fit(dataset), or load one")
        return np.tile(self.means, (len(observations), 1))

    def _save_learned(self, folder):
        write_arrays(folder / "means.npz", {"means": self.means})

    def _load_learned(self, folder):
        self.means = read_arrays(folder / "means.npz")["means"]
