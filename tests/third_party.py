"""An environment as somebody else would write it, on nothing but Gymnasium: the contract must fit it too."""

import gymnasium as gym
import numpy as np


class TastingEnv(gym.Env):
    """Five dishes; a guest who dislikes a dish leaves."""

    metadata = {"render_modes": []}

    def __init__(self, max_steps=10, render_mode=None):
        self.max_steps, self.render_mode = max_steps, render_mode
        self.observation_space = gym.spaces.Box(-10, 10, (5,), np.float32)
        self.action_space = gym.spaces.Discrete(5)
        self.running = False

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.taste = np.clip(self.np_random.normal(size=5), -9, 9).astype(np.float32)
        self.steps, self.running = 0, True
        return self.taste.copy(), {"exit_reason": ""}

    def step(self, action):
        if not self.running:
            raise RuntimeError("call reset first")
        self.steps += 1
        liked = float(self.taste[action])
        left = liked < 0
        reached = not left and self.steps >= self.max_steps
        self.running = not (left or reached)
        return self.taste.copy(), liked, left, reached, {"exit_reason": "disliked" if left else ""}
