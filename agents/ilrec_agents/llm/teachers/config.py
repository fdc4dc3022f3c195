"""Settings of the teachers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ilrec_agents.checks import flag, number, one_of, whole
from ilrec_agents.llm.backends import BACKENDS, DTYPES, WRITING
from ilrec_agents.llm.grounding import GROUNDINGS
from ilrec_agents.llm.memory.encoder import ENCODERS
from ilrec_agents.llm.models.known import DEFAULT
from ilrec_gym.errors import UsageError


@dataclass(frozen=True)
class TeacherConfig:
    """Settings of ``act_only``, ``react``, ``reflexion`` and ``billp``; each uses those of its own parts.

    Attributes:
        model: A known model (``ilrec models list``), a folder or ``.gguf`` file, or a hub id; for a server, its name
            there.
        backend: What runs the model: "transformers"; "server" for one behind a URL, which needs grounding="free_text".
        backend_options: Further keywords of the back-end, as its class documents them.
        dtype: "float32", "bfloat16", "float16", or "auto": bfloat16 on GPUs and on CPUs that have it
            (AMX, AVX-512 BF16), else float32.
        prompt: Version of a prompt that comes with the package, or the path of a ``.toml`` file.
        grounding: How what the model says becomes a film: "likelihood", "constrained" or "free_text".
        encoder: What makes vectors of texts, for memories and for ``free_text``: "minilm", or "model" for the language
            model's own hidden states.
        correction: w in log p(title | viewer) - w log p(title | everybody), for ``likelihood``.
        shortlist: Titles that ``likelihood`` scores with their year; the others are out by their names.
        temperature: 0 takes the best title; above, titles are drawn.
        max_title_tokens: Length of a title that ``free_text`` writes.
        liked: Liked films of the profile in the prompt, at most.
        disliked: Disliked ones, at most.
        history: Films of the session in the prompt, at most. Beyond that the older half is dropped at once, because
            what follows has to be read anew then.
        max_thought_tokens: Length of a thought (react, reflexion); 0 for none. It ends where a sentence ends.
        max_plan_tokens: Length of a plan (billp); 0 for none.
        plan_every: Films that a plan is for.
        max_reflection_tokens: Length of a reflection (reflexion, billp); 0 for none.
        reflections: Reflections that are recalled at once, at most; 0 for none. BiLLP: 2.
        advice: Films that are encouraged, and that are discouraged, at most (billp); 0 for none, and no critic.
        discouraged: What is done about discouraged films. "left_out": they are not chosen while anything else is free.
            "named": the prompt names them, as BiLLP does; small models then take what they have just read of.
        similarity: Cosine of two situations from which on what one taught is recalled in the other.
        nearest: Remembered films that advice is made of, at most: those of films on offer in the most alike situations.
        memory_size: Entries of each memory, at most; the oldest are dropped. 0: no limit.
        gamma: Discount of the critic's values. BiLLP: 0.5.
        critic_always: Whether the critic grades every situation, for the trace. Where it does not, it only grades
            those of training sessions.
        training_sessions: Sessions with train users that fill the memories (reflexion, billp).
        sessions_at_once: How many of them are played side by side; each group remembers what the earlier ones taught.
        allow_test_users: Whether it may train on test users, on whom agents are evaluated.
        trust_remote_code: Whether a model may run Python code that it brings.
    """

    model: str = DEFAULT
    backend: str = "transformers"
    backend_options: dict[str, Any] = field(default_factory=dict)
    dtype: str = "auto"
    prompt: str = "teach_v1"
    grounding: str = "likelihood"
    encoder: str = "minilm"
    correction: float = 0.7
    shortlist: int = 6
    temperature: float = 0.0
    max_title_tokens: int = 24
    liked: int = 10
    disliked: int = 0
    history: int = 20
    max_thought_tokens: int = 16
    max_plan_tokens: int = 16
    plan_every: int = 5
    max_reflection_tokens: int = 32
    reflections: int = 2
    advice: int = 3
    discouraged: str = "left_out"
    similarity: float = 0.5
    nearest: int = 32
    memory_size: int = 0
    gamma: float = 0.5
    critic_always: bool = True
    training_sessions: int = 32
    sessions_at_once: int = 8
    allow_test_users: bool = False
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        whole(self, "shortlist", "max_title_tokens", "plan_every", "sessions_at_once", "nearest")
        whole(self, "liked", "disliked", "history", "reflections", "advice", "training_sessions", least=0)
        whole(self, "memory_size", least=0)
        whole(self, "max_thought_tokens", "max_plan_tokens", "max_reflection_tokens", least=0)
        one_of(self, "discouraged", ("left_out", "named"))
        number(self, "temperature")
        number(self, "correction", high=2.0)
        number(self, "gamma", high=1.0)
        number(self, "similarity", low=-1.0, high=1.0)
        if self.gamma == 1:
            raise UsageError(
                "gamma must be below 1",
                received=self.gamma,
                cause="rewards are scaled by 1 - gamma, so that values stay on the scale: they would all be 0",
                fix="a number such as 0.5 or 0.9",
            )
        flag(self, "critic_always", "allow_test_users", "trust_remote_code")
        one_of(self, "backend", BACKENDS)
        one_of(self, "dtype", DTYPES)
        one_of(self, "grounding", GROUNDINGS)
        one_of(self, "encoder", ENCODERS)
        if not isinstance(self.backend_options, Mapping):
            raise UsageError("backend_options must be a mapping of names to values", received=self.backend_options)
        self._check_writing()

    def _check_writing(self) -> None:
        """Refuse what a model that only writes cannot do."""
        if self.backend not in WRITING:
            return
        for name, needed in (("grounding", "free_text"), ("encoder", "minilm")):
            if getattr(self, name) != needed:
                raise UsageError(
                    f'backend="{self.backend}" needs {name}="{needed}"',
                    received=getattr(self, name),
                    cause="such a model only writes: it scores no titles, and its hidden states stay where they are",
                    fix=f'{name}="{needed}", or backend="transformers"',
                )
