"""PPO that never tries what it may not choose: masks are applied while it plays and learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ilrec_agents.online.ppo import PPOAgent, ShortRoundsConfig
from ilrec_agents.online.quiet import import_contrib


@dataclass(frozen=True)
class MaskablePPOConfig(ShortRoundsConfig):
    """Settings of ``maskable_ppo``, those of ``ppo``."""

    total_timesteps: int = 150_000


class MaskablePPOAgent(PPOAgent):
    """As ``ppo``, with the probability of every masked action set to 0 while it plays and learns.

    pi(a | s) = m_a exp(z_a) / sum_b m_b exp(z_b),   m_a = 0 for items that the viewer has seen, else 1

    Over a whole catalogue that keeps it from repeating itself, as all that play are kept from it here; items on offer
    are unseen anyhow.
    """

    name = "maskable_ppo"
    source = "Huang and Ontanon, FLAIRS 2022"
    knows_masks = True
    Config: ClassVar[type[Any]] = MaskablePPOConfig
    config: MaskablePPOConfig

    def _parts(self, sb3: Any) -> tuple[type[Any], type[Any]]:
        contrib = import_contrib()
        from ilrec_agents.online.contrib_parts import MaskedScoresPolicy

        return contrib.MaskablePPO, MaskedScoresPolicy
