"""Settings of the world model, and the names of its state trackers. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from ilrec_agents.checks import number, one_of, whole

TRACKERS: dict[str, str] = {
    "average": "ilrec_agents.model_based.trackers:AverageTracker",
    "gru": "ilrec_agents.model_based.trackers:GRUTracker",
    "sasrec": "ilrec_agents.model_based.trackers:SASRecTracker",
}
"""What sums a session up: name -> "module:class"."""


@dataclass(frozen=True)
class WorldModelConfig:
    """Settings of a world model.

    Attributes:
        tracker: What sums up the session so far: "average" (the decayed averages that observations have), "gru" or
            "sasrec", which read the items shown and the ratings given.
        members: Networks of the ensemble, each with its own first weights and its own bootstrap sample of the sessions.
        window: How many of the last items a tracker that reads them looks back.
        embedding: Width of the embeddings whose products are the factorisation part.
        hidden: Width of the deep part, and of what a tracker that reads items remembers.
        updates: Gradient steps of each member.
        batch_size: Steps of sessions per gradient step, drawn uniformly with replacement.
        learning_rate: Of AdamW, falling to 0 along half a cosine.
        weight_decay: Decoupled, per step and unit of learning rate.
        held_out: Share of the viewers whose sessions are kept for the report on accuracy and never learned from.
        threads: Threads of torch on a CPU.
    """

    tracker: str = "average"
    members: int = 5
    window: int = 10
    embedding: int = 16
    hidden: int = 64
    updates: int = 1500
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    held_out: float = 0.1
    threads: int = 1

    def __post_init__(self) -> None:
        one_of(self, "tracker", TRACKERS)
        whole(self, "members", "window", "embedding", "hidden", "updates", "batch_size", "threads")
        number(self, "learning_rate", open_low=True)
        number(self, "weight_decay")
        number(self, "held_out", high=0.9, open_low=True)
