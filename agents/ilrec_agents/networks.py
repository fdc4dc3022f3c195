"""Networks that score every action of a task in one pass. Needs torch; imported by agents when they learn."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import relu

from ilrec_agents.guided import GuidedCandidates, GuidedTowers, spread, zeroed
from ilrec_agents.learning import NETWORKS
from ilrec_agents.task import Task
from ilrec_gym.envs.observation import Layout
from ilrec_gym.errors import UsageError, unknown_name

_FAR = 10.0  # standardised values are cut here: a feature that hardly varied in training must not swamp the rest


class Standardise(nn.Module):
    """x -> (x - mean) / std, fitted once and carried along with the weights.

    Args:
        observations: ``(N, d)`` what it is fitted on. The places on offer share the scale of each feature.
        layout: Where the places lie.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, observations: NDArray[np.float32] | None, layout: Layout) -> None:
        super().__init__()
        mean, std = np.zeros(layout.size), np.ones(layout.size)
        if observations is not None:
            mean, std = observations.mean(axis=0, dtype=np.float64), observations.std(axis=0, dtype=np.float64)
            if layout.n_candidates:
                offered = layout.candidates(observations)
                for part, of in ((mean, offered.mean), (std, offered.std)):
                    part[layout.slices["candidates"]] = np.tile(of(axis=(0, 1), dtype=np.float64), layout.n_candidates)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std + 1e-3, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """``(..., d)`` to ``(..., d)``."""
        return ((x - self.mean) / self.std).clamp(-_FAR, _FAR)


class CandidateScores(nn.Module):
    """Scores items on offer with one small network that all places share.

        score(j) = V(c) + A(c, f_j) - mean_j A(c, f_j)

    f_j are the features of the item in place j, c is everything else and the mean of the f_j. Weights shared over the
    places learn from every place at once, and exchanging two items exchanges their scores (Zaheer et al., "Deep sets",
    2017; value and advantage apart as in Wang et al., "Dueling network architectures", 2016).

    Args:
        size: Length d of an observation, which ends in the features of the items on offer.
        places: Items on offer.
        features: Features of each.
        hidden: Width of the hidden layers.
        value: Whether there is a V; a policy needs none.
    """

    def __init__(self, size: int, places: int, features: int, hidden: int, value: bool) -> None:
        super().__init__()
        self.places, self.features, self.split = places, features, size - places * features
        context = self.split + features
        self.of_context, self.of_item = nn.Linear(context, hidden), nn.Linear(features, hidden, bias=False)
        self.middle, self.advantage = nn.Linear(hidden, hidden), nn.Linear(hidden, 1)
        self.value = mlp(context, hidden, 1) if value else None

    def forward(self, x: Tensor) -> Tensor:
        """Standardised observations ``(B, d)`` to scores ``(B, n_candidates)``."""
        items = x[:, self.split :].unflatten(1, (self.places, self.features))
        context = torch.cat([x[:, : self.split], items.mean(dim=1)], dim=1)
        h = relu(self.of_context(context)[:, None] + self.of_item(items))
        advantage = self.advantage(relu(self.middle(h)))[..., 0]
        centred = advantage - advantage.mean(dim=1, keepdim=True)
        return centred if self.value is None else centred + self.value(context)


class TowerScores(nn.Module):
    """Scores a whole catalogue with two towers: one reads the observation, one the public features of the items.

        score(i) = V(x) + q(x) . k(i) + b(i),   k and b linear in the item's features

    Args:
        task: Whose catalogue.
        hidden: Width of the hidden layers and of q and k.
        value: Whether there is a V.
    """

    items: Tensor

    def __init__(self, task: Task, hidden: int, value: bool) -> None:
        super().__init__()
        features = item_features(task)
        self.register_buffer("items", torch.tensor(features, dtype=torch.float32), persistent=False)
        self.query, self.shortcut = mlp(task.layout.size, hidden, hidden), nn.Linear(task.layout.size, hidden)
        self.key, self.bias = nn.Linear(features.shape[1], hidden, bias=False), nn.Linear(features.shape[1], 1)
        self.value = mlp(task.layout.size, hidden, 1) if value else None

    def forward(self, x: Tensor) -> Tensor:
        """Standardised observations ``(B, d)`` to scores ``(B, I)``."""
        query = (self.query(x) + self.shortcut(x)) / self.key.out_features**0.5
        scores = query @ self.key(self.items).T + self.bias(self.items)[:, 0]
        return scores if self.value is None else scores + self.value(x)


def score_network(
    task: Task, kind: str, hidden: int, *, observations: NDArray[np.float32] | None = None, value: bool = True
) -> nn.Module:
    """A network from observations ``(B, d)`` as the environment gives them to scores ``(B, n_actions)``.

    Args:
        task: What it is made for.
        kind: "guided" (begins as the public ranking, see guided.py), "candidates" or "towers" (begin with nothing),
            "flat" (one output per action), or "auto": of "candidates" and "towers" the one that fits the task.
        hidden: Width of the hidden layers.
        observations: What the scaling is fitted on; None leaves it at identity, to be loaded.
        value: Whether a value of the observation is a part of its own; a policy needs none.

    Raises:
        UsageError: No such network, or one that does not fit the task.
    """
    if kind not in NETWORKS:
        raise unknown_name("network", kind, NETWORKS)
    if kind == "guided":
        return _guided(task, hidden, observations, value)
    if kind == "auto":
        kind = "candidates" if task.n_candidates else "towers"
    if (kind == "candidates" and not task.n_candidates) or (kind == "towers" and task.n_candidates):
        raise UsageError(
            f"the network {kind!r} must fit the task",
            received=f"{task.n_candidates or 'no'} candidates",
            fix='use network="auto"',
        )
    body: nn.Module
    if kind == "candidates":
        body = CandidateScores(task.layout.size, task.n_candidates, len(task.layout.candidate_features), hidden, value)
    elif kind == "towers":
        body = TowerScores(task, hidden, value)
    else:
        body = mlp(task.layout.size, hidden, task.n_actions)
    return nn.Sequential(Standardise(observations, task.layout), body)


def _guided(task: Task, hidden: int, observations: NDArray[np.float32] | None, value: bool) -> nn.Module:
    size = task.layout.size
    standardise, values = Standardise(observations, task.layout), mlp(size, hidden, 1) if value else None
    network: GuidedTowers | GuidedCandidates
    if task.n_candidates:
        advantage = CandidateScores(size, task.n_candidates, len(task.layout.candidate_features), hidden, value=False)
        zeroed(advantage.advantage)
        network = GuidedCandidates(task, standardise=standardise, advantage=advantage, value=values)
    else:
        network = GuidedTowers(task, standardise=standardise, value=values)
    if not value and observations is not None:
        spread(network, observations)
    return network


def mlp(n_in: int, hidden: int, n_out: int) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(
        nn.Linear(n_in, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, n_out)
    )


def item_features(task: Task) -> NDArray[np.float64]:
    """``(I, K)`` public features of every item, standardised: bias, log popularity, factors, content."""
    public, catalogue = task.public, task.catalogue
    features = np.concatenate(
        [public.item_bias[:, None], np.log1p(catalogue.popularity)[:, None], public.item_factors, catalogue.vectors],
        axis=1,
    )
    return (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-3)
