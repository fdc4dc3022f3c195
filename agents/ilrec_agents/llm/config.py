"""Settings of the language model agent."""

from __future__ import annotations

from dataclasses import dataclass

from ilrec_agents.checks import flag, number, one_of, whole
from ilrec_agents.llm.backends import DTYPES
from ilrec_agents.llm.models.known import DEFAULT


@dataclass(frozen=True)
class LLMConfig:
    """Settings of ``llm``.

    Attributes:
        model: A known model (``ilrec models list``), a folder or ``.gguf`` file, or a hub id.
        dtype: "float32", "bfloat16", "float16", or "auto": bfloat16 on GPUs and on CPUs that have it
            (AMX, AVX-512 BF16), else float32.
        prompt: Version of a prompt that comes with the package, or the path of a ``.toml`` file.
        liked: Liked films of the profile in the prompt, at most.
        disliked: Disliked ones, at most.
        history: Last films of the session in the prompt.
        max_reason_tokens: Length of the reason; 0 for none. It ends earlier where a sentence ends.
        reason_guides: Whether the choice reads the reason. The default model chooses better without it: an invented
            line between the liked films and the title blurs them.
        correction: w in log p(title | viewer) - w log p(title | everybody): 0 trusts the model, 1 takes away all
            that makes a title likely whoever asks.
        order: Weight of the order in which the films are offered: order * ln(1 + place) is taken off the score, places
            from 0. At 0 the model alone decides.
        shortlist: Titles that are scored with their year; the others are out by their names.
        temperature: 0 takes the best title; above, titles are drawn with softmax(score / temperature), scores in
            nats per token.
        trust_remote_code: Whether a model may run Python code that it brings.
    """

    model: str = DEFAULT
    dtype: str = "auto"
    prompt: str = "act_v1"
    liked: int = 10
    disliked: int = 0
    history: int = 4
    max_reason_tokens: int = 10
    reason_guides: bool = False
    correction: float = 0.7
    order: float = 0.0
    shortlist: int = 6
    temperature: float = 0.0
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        whole(self, "liked", "disliked", "history", "max_reason_tokens", least=0)
        whole(self, "shortlist")
        number(self, "correction", high=2.0)
        number(self, "order", "temperature")
        one_of(self, "dtype", DTYPES)
        flag(self, "reason_guides", "trust_remote_code")
