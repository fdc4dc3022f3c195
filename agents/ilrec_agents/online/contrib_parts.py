"""The project's networks as policies of sb3-contrib. Import after ``quiet.import_contrib``."""

from __future__ import annotations

from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy

from ilrec_agents.online.sb3_parts import WithScores


class MaskedScoresPolicy(WithScores, MaskableActorCriticPolicy):
    """pi(. | x) = softmax(actor(x)) over what the mask allows, V(x) = critic(x)."""
