"""Groundings: from what a model says to an item of the catalogue."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ilrec_gym.errors import unknown_name

if TYPE_CHECKING:
    from ilrec_agents.llm.grounding.base import Grounding, Material

GROUNDINGS = {
    "constrained": "ilrec_agents.llm.grounding.constrained:Constrained",
    "free_text": "ilrec_agents.llm.grounding.free_text:FreeText",
    "likelihood": "ilrec_agents.llm.grounding.likelihood:Likelihood",
}
"""Name to ``module:class``; a grounding of your own is one file and one line here."""


def make_grounding(name: str, material: Material) -> Grounding:
    """The grounding of a name.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in GROUNDINGS:
        raise unknown_name("grounding", name, GROUNDINGS)
    module, _, attribute = GROUNDINGS[name].partition(":")
    made: Grounding = getattr(importlib.import_module(module), attribute)(material)
    return made
