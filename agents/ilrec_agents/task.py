"""Task: what an agent may know of an environment, and what it must fit to be used there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.envs.observation import Layout
from ilrec_gym.errors import UsageError
from ilrec_gym.files import fingerprint
from ilrec_gym.simulation.factorization import FactorModel
from ilrec_gym.simulation.scenario import Catalogue, Scenario, Users
from ilrec_gym.simulation.user_models import UserModel


@dataclass(frozen=True)
class HiddenTruth:
    """What only oracles may look at.

    Attributes:
        scenario: With the preference model.
        user_model: Satiation and exit rule.
    """

    scenario: Scenario
    user_model: UserModel


@dataclass(frozen=True)
class Task:
    """The public side of an environment.

    Attributes:
        n_actions: Number of actions.
        n_candidates: Items on offer per step; 0 where the whole catalogue is.
        layout: Of the flat observation.
        catalogue: The items.
        users: The users and their profiles.
        public: Factors of train users' logs, users folded in from their profiles.
        rating_scale: Lowest and highest rating.
        description: What decides sessions in the environment, as JSON.
        truth: For agents that are marked ``sees_truth``.
    """

    n_actions: int
    n_candidates: int
    layout: Layout
    catalogue: Catalogue
    users: Users
    public: FactorModel
    rating_scale: tuple[float, float]
    description: dict[str, Any]
    truth: HiddenTruth

    @classmethod
    def of(cls, env: gym.Env[Any, Any]) -> Task:
        """The task of an environment, wrapped or not.

        Raises:
            UsageError: It is not an environment of this project, or one of slates.
        """
        base = getattr(env, "unwrapped", None)
        if not isinstance(base, MovieLensEnv):
            raise UsageError(
                "an agent's env must be one of ilrec_gym's",
                received="None" if env is None else env,
                cause="no environment" if base is None else "another package's environment",
                fix='gym.make("ilrec/MovieLens-v0")',
            )
        if base.setting.slate_size is not None:
            raise UsageError(
                "an agent's env must show one item per step",
                received=f"slates of {base.setting.slate_size}",
                cause="an environment of slates, for which there are no agents",
                fix='gym.make("ilrec/MovieLens-v0"), or fill slates by scores as docs/guide/user_models.md does',
            )
        scenario = base.scenario
        return cls(
            n_actions=int(base.sessions.n_actions),
            n_candidates=base.layout.n_candidates,
            layout=base.layout,
            catalogue=scenario.catalogue,
            users=scenario.users,
            public=scenario.public,
            rating_scale=scenario.rating_scale,
            description=base.describe(),
            truth=HiddenTruth(scenario, base.user_model),
        )

    @property
    def fingerprint(self) -> str:
        """Hash of the description."""
        return fingerprint(self.description)

    @property
    def half(self) -> float:
        """Half the width of the rating scale."""
        return (self.rating_scale[1] - self.rating_scale[0]) / 2
