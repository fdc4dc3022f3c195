"""The world model's network: a DeepFM on the viewer, the session and the item, with three outputs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import softplus

from ilrec_agents.model_based.config import WorldModelConfig
from ilrec_agents.model_based.steps import Asked
from ilrec_agents.model_based.trackers import tracker_class
from ilrec_agents.networks import Standardise, item_features, mlp
from ilrec_agents.task import Task

_LEAST_STD = 0.01  # in half scales: far below any rating's grain


class Inputs(NamedTuple):
    """Questions as tensors; see :class:`~ilrec_agents.model_based.steps.Asked`."""

    context: Tensor
    item: Tensor
    shown: Tensor
    given: Tensor

    @classmethod
    def of(cls, asked: Asked, device: torch.device) -> Inputs:
        """All of them on a device."""
        arrays = (asked.context, asked.item, asked.shown, asked.given)
        return cls(*(torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays))

    def at(self, rows: Tensor) -> Inputs:
        """Some of them."""
        return Inputs(*(part[rows] for part in self))


class Answers(NamedTuple):
    """What a network says: the rating's mean and standard deviation in half scales, the logit of leaving; ``(B,)``."""

    mean: Tensor
    std: Tensor
    leaves: Tensor


class Tables(nn.Module):
    """What every member looks up of items, and of ratings that the public factors predict. Not learned.

    Args:
        task: Whose catalogue.
    """

    features: Tensor
    item_bias: Tensor
    item_factors: Tensor

    def __init__(self, task: Task) -> None:
        super().__init__()
        public, low, high = task.public, *task.rating_scale
        self.base, self.unit = (public.mean - (low + high) / 2) / task.half, task.half
        self.profile = task.layout.slices["profile"]
        tables = {"features": item_features(task), "item_bias": public.item_bias, "item_factors": public.item_factors}
        for name, table in tables.items():
            self.register_buffer(name, torch.tensor(table, dtype=torch.float32), persistent=False)

    def predicted(self, x: Inputs) -> Tensor:
        """``(B,)`` the public prediction m + b_u + b_i + p_u . q_i within the scale, centred, in half scales."""
        profile = x.context[:, self.profile]  # mean rating, bias, factors
        taste = (profile[:, 2:] * self.item_factors[x.item]).sum(dim=1)
        rating = self.base + (profile[:, 1] + self.item_bias[x.item] + taste) / self.unit
        return rating.clamp(-1.0, 1.0)


class DeepFM(nn.Module):
    """y = first order + products of pairs + deep part (Guo et al., IJCAI 2017), for each of three outputs.

        y_o = w_o . x  +  sum_{f<g} v_o . (e_f * e_g)  +  MLP(e_viewer, e_session, e_item)_o,    e_f = E_f x_f

    x_viewer is the profile, x_session the tracker's state, x_item the item's public features and an embedding of its
    own. The paper's fields hold one id each and its v_o is all ones. The mean is added to what the public factors
    predict, and all last weights begin at 0: an untrained network is the public prediction.

    Args:
        task: What it is made for.
        config: Settings.
        tables: Shared by all members.
        context: ``(N, c)`` what the scaling is fitted on; None where weights are loaded.
    """

    def __init__(
        self, task: Task, config: WorldModelConfig, tables: Tables, context: NDArray[np.float32] | None = None
    ) -> None:
        super().__init__()
        layout, self.split = task.layout.context, task.layout.slices["profile"].stop
        features, width = tables.features.shape[1], config.embedding
        averages = layout.size - self.split + 1
        self.tables = [tables]  # in a list, so that it is no part of each member's weights
        self.standardise = Standardise(context, layout)
        self.tracker = tracker_class(config.tracker)(averages, features, config.hidden, config.window)
        sizes = (self.split, self.tracker.size, features)
        self.embed = nn.ModuleList(nn.Linear(size, width) for size in sizes)
        self.own = nn.Embedding(len(task.catalogue), width)
        self.first, self.own_first = nn.Linear(sum(sizes), 3), nn.Embedding(len(task.catalogue), 3)
        self.second, self.deep = nn.Linear(3 * width, 3, bias=False), mlp(3 * width, config.hidden, 3)
        nn.init.normal_(self.own.weight, std=0.01)
        for part in (self.first, self.own_first, self.second, self.deep[-1]):
            for parameter in part.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Inputs) -> Answers:
        """Answers to B questions."""
        (tables,) = self.tables
        context, item = self.standardise(x.context), tables.features[x.item]
        there = x.shown >= 0
        begun = there[:, :1]  # before the first rating the averages hold 0, which is no rating that anyone gave
        averages = torch.cat([context[:, self.split :] * begun, begun], dim=1)
        items = self.tracker.reads_items and tables.features[x.shown.clamp(min=0)] * there[..., None]
        state = self.tracker(averages, items, x.given, there.sum(dim=1))
        fields = (context[:, : self.split], state, item)
        viewer, session, shown = (embed(field) for embed, field in zip(self.embed, fields, strict=True))
        shown = shown + self.own(x.item)
        products = torch.cat([viewer * session, viewer * shown, session * shown], dim=1)
        y = self.first(torch.cat(fields, dim=1)) + self.own_first(x.item) + self.second(products)
        y = y + self.deep(torch.cat([viewer, session, shown], dim=1))
        return Answers(tables.predicted(x) + y[:, 0], softplus(y[:, 1] - 1.0) + _LEAST_STD, y[:, 2] - 3.0)
