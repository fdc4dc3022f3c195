"""Networks that begin as a public ranking and learn what to change about it. Needs torch.

    score(i) = s (r(x, i) + 0.2 c(x, i))  [+ V(x)]

r is the retriever's score in half scales, with foresight: predicted rating minus twice the similarity to what was
shown, once for what it costs now and once for what it will cost the items to come. c is learned and 0 at first, and its
unit is about the spread of ratings. s says how much a difference of half a scale counts: about 5 for values, whose
unit is the standard deviation of the rewards, and for a policy as much as lets it choose among ten items, or half of
those on offer.

Every item has a correction b_i of its own. A policy that begins with nothing spends its budget on finding out what the
logs say anyway; what only play can tell is how much better or worse an item is liked than its logged ratings say.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ilrec_agents.task import Task
from ilrec_gym.envs.retriever import WEIGHT

_VALUES = 5.0  # s of values
_AMONG = 10  # items that an untrained policy chooses among
_LOOK = 500  # observations
_UNIT = 0.2  # of c, in half scales
_MEAN = 4  # place of item_mean among the features of an item on offer
_FORESIGHT = -2 * WEIGHT  # of similarity in r
_START = (1.0, _FORESIGHT, 0.0, 0.0, 0.0, 0.0)  # r in terms of those features
_PACE = 5.0  # of the weights over a whole catalogue


class GuidedTowers(nn.Module):
    """The public ranking of a whole catalogue, with a learned correction.

        c(x, i) = 5 (w_1 predicted rating + w_2 match with the session's taste + w_3 mean of the item) + b_i

    Each is a product of a part of the observation and a public number or vector of the item, so that all of it is one
    product of two towers. Similarity has no weight that is learned: values look too short a way ahead to tell what it
    costs. Nor has popularity, which says nothing that b_i does not.

    Args:
        task: Whose catalogue.
        standardise: Applied to what V reads.
        value: V, or None.
    """

    half_scale: float
    scale: Tensor
    factors: Tensor
    vectors: Tensor
    means: Tensor

    def __init__(self, task: Task, *, standardise: nn.Module, value: nn.Module | None) -> None:
        super().__init__()
        self.slices, self.half_scale = task.layout.slices, task.half
        self.standardise, self.value = standardise, value
        self.register_buffer("scale", torch.tensor(_VALUES))
        tables = {
            "factors": task.public.item_factors,
            "vectors": task.catalogue.vectors,
            "means": item_means(task)[:, None],
        }
        for name, table in tables.items():
            self.register_buffer(name, torch.tensor(table, dtype=torch.float32), persistent=False)
        self.worth, self.own = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(task.n_actions))

    def towers(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, w)`` and ``(I, w)``: r + 0.2 c is their product, plus 0.2 b."""
        predicted, match, mean = _UNIT * _PACE * self.worth
        profile, taste = x[:, self.slices["profile"]][:, 2:], x[:, self.slices["taste"]]
        liked = (1 + predicted) / self.half_scale * profile + match * taste
        alike = _FORESIGHT * x[:, self.slices["memory_fast"]]
        query = torch.cat([liked, alike, (1 + predicted + mean).expand(len(x), 1)], dim=1)
        return query, torch.cat([self.factors, self.vectors, self.means], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Observations ``(B, d)`` to scores ``(B, I)``, whose mean is V(x), or 0."""
        query, key = self.towers(x)
        bias = self.scale * _UNIT * (self.own - self.own.mean())
        centred = torch.addmm(bias, self.scale * query, (key - key.mean(dim=0)).T)
        return centred if self.value is None else centred + self.value(self.standardise(x))


class GuidedCandidates(nn.Module):
    """The public ranking of the items on offer, with a learned correction.

        c(x, j) = A(x, f_j) + b_i,   i the item in place j

    Observations do not name the items on offer, but say their mean ratings, which hardly two items share; by these
    the items are found again. Those that do share theirs share what is learned of the first of them.

    Args:
        task: What it is made for.
        standardise: Applied to what A and V read.
        advantage: A: standardised observations to ``(B, n_candidates)``, its last layer named ``advantage``.
        value: V, or None.
    """

    scale: Tensor
    means: Tensor
    items: Tensor
    start: Tensor

    def __init__(
        self,
        task: Task,
        *,
        standardise: nn.Module,
        advantage: nn.Module,
        value: nn.Module | None,
    ) -> None:
        super().__init__()
        self.layout, self.standardise, self.value = task.layout, standardise, value
        self.register_buffer("scale", torch.tensor(_VALUES))
        self.advantage, self.own = advantage, nn.Parameter(torch.zeros(len(task.catalogue.ids)))
        low, high = (side[task.layout.slices["candidates"]][_MEAN] for side in (task.layout.low, task.layout.high))
        means = item_means(task).astype(np.float32).clip(low, high)
        items = np.argsort(means, kind="stable")
        self.register_buffer("means", torch.from_numpy(means[items]), persistent=False)
        self.register_buffer("items", torch.from_numpy(items), persistent=False)
        self.register_buffer("start", torch.tensor(_START), persistent=False)

    def offered(self, x: Tensor) -> Tensor:
        """``(B, n_candidates)`` the items on offer, by their means."""
        place = torch.searchsorted(self.means, self.layout.candidates(x)[..., _MEAN].contiguous())
        return self.items[place.clamp(max=len(self.items) - 1)]

    def forward(self, x: Tensor) -> Tensor:
        """Observations ``(B, d)`` to scores ``(B, n_candidates)``, whose mean is V(x), or 0."""
        z = self.standardise(x)
        learned = self.advantage(z) + self.own[self.offered(x)]
        scores = self.scale * (self.layout.candidates(x) @ self.start + _UNIT * learned)
        centred: Tensor = scores - scores.mean(dim=1, keepdim=True)
        return centred if self.value is None else centred + self.value(z)


def spread(network: GuidedTowers | GuidedCandidates, observations: NDArray[np.float32]) -> None:
    """Set s so that the softmax of the scores is as wide as ten items, or as half of those on offer.

    The width is exp(mean entropy) over observations ``(N, d)``, of which some are looked at.
    """
    with torch.no_grad():
        scores = network(torch.from_numpy(observations[:: max(1, len(observations) // _LOOK)])) / network.scale
        n = scores.shape[1]
        wanted = math.log(min(_AMONG, max(n / 2, (1 + n) / 2 if n < 3 else 0)))  # of 2 a half would be certainty
        low, high = 0.0, 10.0  # log s
        for _ in range(20):
            middle = (low + high) / 2
            entropy = torch.distributions.Categorical(logits=math.exp(middle) * scores).entropy().mean()
            low, high = (middle, high) if entropy > wanted else (low, middle)
        network.scale.fill_(math.exp(low))


def item_means(task: Task) -> NDArray[np.float64]:
    """``(I,)`` m + b_i, centred on the middle of the scale, in half scales."""
    return np.asarray((task.public.mean + task.public.item_bias - sum(task.rating_scale) / 2) / task.half)


def zeroed(layer: nn.Module) -> nn.Module:
    """The layer, with all weights 0."""
    for weights in layer.parameters():
        nn.init.zeros_(weights)
    return layer
