"""ILRec-Gym: movie-watching sessions as a Gymnasium environment.

    import gymnasium as gym, ilrec_gym
    env = gym.make("ilrec/MovieLens-v0")

Importing registers the environment ids and does nothing else.
"""

from ilrec_gym.registration import ENV_IDS, register_envs

__version__ = "0.1.0"
__all__ = ["ENV_IDS", "__version__", "register_envs"]

register_envs()
