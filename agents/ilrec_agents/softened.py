"""Softened policies: less sure of themselves than the agent, and so within reach of what was logged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ilrec_agents.base import Agent, Infos, Observations, ScoringAgent, StochasticAgent, allowed
from ilrec_agents.checks import number
from ilrec_gym.errors import UsageError


@dataclass(frozen=True)
class SoftenedConfig:
    """How a policy is softened.

    Attributes:
        epsilon: Share of uniform choices among the allowed actions.
        temperature: Of the softmax of the agent's scores, in their own units; 0: the agent's own probabilities.
    """

    epsilon: float = 0.0
    temperature: float = 0.0

    def __post_init__(self) -> None:
        number(self, "epsilon", high=1.0)
        number(self, "temperature")


class SoftenedAgent(StochasticAgent):
    """Draws from another agent's probabilities, mixed with uniform ones.

    pi'(a) = epsilon / n  +  (1 - epsilon) pi(a),   n allowed; pi the agent's own or softmax(score / temperature)
    """

    name = "softened"
    Config = SoftenedConfig
    config: SoftenedConfig

    def __init__(self, agent: Agent, config: SoftenedConfig, *, seed: int = 0) -> None:
        super().__init__(agent.task, config, seed=seed, device=agent.device)
        if config.temperature and not isinstance(agent, ScoringAgent):
            raise UsageError(
                "a temperature is for agents with scores", received=agent.name, fix="soften it with epsilon"
            )
        self.agent = agent

    @property
    def info(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the agent needs, and the mask."""
        return tuple(sorted({*self.agent.info, "action_mask"}))

    @property
    def sees_truth(self) -> bool:  # type: ignore[override]
        """As the agent does."""
        return self.agent.sees_truth

    def probabilities(self, observations: Observations, infos: Infos) -> NDArray[np.float64]:
        """The mix ``(B, n_actions)``."""
        mask = allowed(infos, (len(observations), self.task.n_actions))
        uniform = mask / mask.sum(axis=1, keepdims=True)
        own = self._tempered(observations, infos, mask) if self.config.temperature else None
        if own is None:
            own = self.agent.probabilities(observations, infos)
        return self.config.epsilon * uniform + (1 - self.config.epsilon) * own

    def _tempered(self, observations: Observations, infos: Infos, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        assert isinstance(self.agent, ScoringAgent)
        scores = np.where(mask, self.agent.scores(observations, infos), -np.inf).astype(np.float64)
        exp = np.exp((scores - scores.max(axis=1, keepdims=True)) / self.config.temperature)
        return np.asarray(exp / exp.sum(axis=1, keepdims=True))


def softened(agent: Agent, *, epsilon: float = 0.0, temperature: float = 0.0) -> Agent:
    """The agent itself where there is nothing to soften."""
    if not epsilon and not temperature:
        return agent
    return SoftenedAgent(agent, SoftenedConfig(epsilon, temperature), seed=agent.seed)
