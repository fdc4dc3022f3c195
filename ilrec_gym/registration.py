"""The registered environment ids. Adding one is a line here; the environment itself is one file under ``envs/``."""

from __future__ import annotations

from gymnasium.envs.registration import register, registry

ENV_IDS: dict[str, str] = {
    "ilrec/MovieLens-v0": "ilrec_gym.envs.movielens:MovieLensEnv",
    "ilrec/MovieLens-Candidates-v0": "ilrec_gym.envs.movielens:MovieLensCandidatesEnv",
}
"""Id -> entry point. String entry points, so that specs serialise and importing stays light."""


def register_envs() -> None:
    """Register every id that is not registered yet. The environments truncate by themselves."""
    for env_id, entry_point in ENV_IDS.items():
        if env_id not in registry:
            register(id=env_id, entry_point=entry_point, max_episode_steps=None)
