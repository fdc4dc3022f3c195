"""The registered environment ids. Adding one is a line here; the environment itself is one file under ``envs/``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gymnasium.envs.registration import register, registry


@dataclass(frozen=True)
class EnvEntry:
    """What an id stands for.

    Attributes:
        entry_point: The scalar form. A string, so that specs serialise and importing stays light.
        vector_entry_point: The native vector form.
        options: Arguments that the id fixes; ``gym.make`` can still give others.
    """

    entry_point: str
    vector_entry_point: str
    options: dict[str, Any] = field(default_factory=dict)


def _movielens(**options: Any) -> EnvEntry:
    return EnvEntry("ilrec_gym.envs.movielens:MovieLensEnv", "ilrec_gym.envs.vector:MovieLensVectorEnv", options)


def _candidates(**options: Any) -> EnvEntry:
    return EnvEntry(
        "ilrec_gym.envs.movielens:MovieLensCandidatesEnv", "ilrec_gym.envs.vector:MovieLensCandidatesVectorEnv", options
    )


def _slates(**options: Any) -> EnvEntry:
    return EnvEntry(
        "ilrec_gym.envs.movielens:MovieLensSlateEnv", "ilrec_gym.envs.vector:MovieLensSlateVectorEnv", options
    )


ENV_IDS: dict[str, EnvEntry] = {
    "ilrec/MovieLens-v0": _movielens(),
    "ilrec/MovieLens-Candidates-v0": _candidates(),
    "ilrec/MovieLens-1M-v0": _movielens(dataset="ml-1m"),
    "ilrec/MovieLens-100K-v0": _movielens(dataset="ml-100k"),
    "ilrec/ILRec-ML1M-v0": _movielens(dataset="ml-1m", user_model="ilrec"),
    "ilrec/BiLLP-ML1M-v0": _movielens(dataset="ml-1m", user_model="billp"),
    "ilrec/EasyRL4Rec-ML1M-v0": _movielens(dataset="ml-1m", user_model="easyrl4rec"),
    "ilrec/DORL-ML1M-v0": _movielens(dataset="ml-1m", user_model="dorl"),
    "ilrec/RecSim-ML1M-v0": _slates(dataset="ml-1m", user_model="recsim", slate_size=3),
}


def register_envs() -> None:
    """Register every id that is not registered yet. The environments truncate by themselves."""
    for env_id, entry in ENV_IDS.items():
        if env_id not in registry:
            register(
                id=env_id,
                entry_point=entry.entry_point,
                vector_entry_point=entry.vector_entry_point,
                kwargs=dict(entry.options),
                max_episode_steps=None,
            )
