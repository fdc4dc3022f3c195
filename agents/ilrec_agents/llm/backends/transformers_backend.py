"""Any causal language model of Hugging Face transformers, on CPU or GPU."""

from __future__ import annotations

import inspect
import platform
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import transformers
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AutoModelForCausalLM, AutoTokenizer
from transformers.cache_utils import Cache

from ilrec_agents.llm.backends.quiet import quiet
from ilrec_agents.llm.backends.slab import SlabLayer
from ilrec_agents.llm.backends.transformers_context import TransformersContext
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.models.folders import manifest
from ilrec_agents.llm.models.known import resolve
from ilrec_gym.errors import ArtefactError, UsageError, unknown_name

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
GROUPED = "ilrec_grouped"
_PLAIN = {"llama", "mistral", "qwen2", "qwen3", "smollm3"}  # families whose attention is nothing but softmax(QK)V


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Grouped-query attention that folds the heads of a group into the queries and copies no key.

    The mask ``(B, 1, n * Q, K)`` is folded already. With a mask, transformers' own form repeats keys and values once
    for each head of a group, which for short queries on long caches costs more than the rest of the layer.
    """
    batch, heads, length, depth = query.shape
    folded = query.reshape(batch, key.shape[1], -1, depth)
    mixed = scaled_dot_product_attention(folded, key, value, attn_mask=attention_mask, scale=scaling)
    return mixed.reshape(batch, heads, length, depth).transpose(1, 2), None


class TransformersBackend:
    """A causal model with its tokenizer.

    Args:
        model: A known name, a folder or ``.gguf`` file, or a hub id.
        dtype: "float32", "bfloat16", "float16", or "auto": bfloat16 on a GPU and on CPUs that multiply it in hardware
            (AMX), float32 elsewhere.
        device: "auto", "cpu", "cuda", "cuda:1".
        trust_remote_code: Whether a model may bring its own Python code.
    """

    def __init__(
        self, model: str, *, dtype: str = "auto", device: str = "auto", trust_remote_code: bool = False
    ) -> None:
        self._device = _device(device)
        self._dtype = _dtype(dtype, self._device)
        folder = resolve(model)
        self._name, self._manifest = model, manifest(folder)
        self._model, self._tokenizer = _loaded(folder, self._dtype, trust_remote_code)
        self._model = self._model.eval().to(self._device)
        config = self._model.config.get_text_config()
        self._n_layers = config.num_hidden_layers
        self._head = self._model.get_output_embeddings()
        self._scale = float(getattr(config, "logit_scale", None) or 1 / (getattr(config, "logits_scaling", None) or 1))
        self._cap = getattr(config, "final_logit_softcapping", None)
        self._fold = 1
        if config.model_type in _PLAIN:
            AttentionInterface.register(GROUPED, grouped_attention)
            self._model.set_attn_implementation(GROUPED)
            self._fold = config.num_attention_heads // config.num_key_value_heads
        self._length = int(getattr(config, "max_position_embeddings", 2048))
        taken = inspect.signature(self._model.base_model.forward).parameters
        self._cache_argument = "cache" if "cache" in taken else "past_key_values"  # renamed in transformers 5.24

    @property
    def special(self) -> tuple[str, ...]:
        """Texts that are control tokens."""
        return tuple(token.content for token in self._tokenizer.added_tokens_decoder.values() if token.special)

    @property
    def end(self) -> int:
        """The token that ends a text."""
        return int(self._tokenizer.eos_token_id)

    @property
    def context_length(self) -> int:
        """Tokens that a text may have."""
        return self._length

    def holding(self, characters: str) -> frozenset[int]:
        """All tokens whose text holds one of the characters."""
        texts = self._tokenizer.batch_decode([[token] for token in range(len(self._tokenizer))])
        return frozenset(token for token, text in enumerate(texts) if any(c in text for c in characters))

    @property
    def dtype(self) -> str:
        """Number format in use."""
        return str(self._dtype).removeprefix("torch.")

    def encode(self, text: str) -> Tokens:
        """Text to tokens."""
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, tokens: Sequence[int]) -> str:
        """Tokens to text."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def open(self, text: str) -> TransformersContext:
        """Read the beginning of a text, with the tokens that this model's texts begin with."""
        context = TransformersContext(self, [SlabLayer() for _ in range(self._n_layers)], 1, self._device)
        context.append([tuple(self._tokenizer(text)["input_ids"])])
        return context

    def facts(self) -> dict[str, Any]:
        """Model, where it came from, number format and versions."""
        source = {key: value for key, value in self._manifest.items() if key not in {"files", "format"}}
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        return {"model": self._name, **source, "dtype": self.dtype, "device": str(self._device), "versions": versions}

    @property
    def vocabulary(self) -> int:
        """Number of logits."""
        return int(self._head.out_features)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of hidden states, with the scaling and capping that some families have."""
        logits: torch.Tensor = self._head(hidden)
        if self._scale != 1:
            logits = logits * self._scale
        return logits if self._cap is None else self._cap * torch.tanh(logits / self._cap)

    def forward(self, tokens: torch.Tensor, positions: torch.Tensor, seen: torch.Tensor, cache: Cache) -> torch.Tensor:
        """Hidden states of tokens; what they see of the cache and of each other is given."""
        lowest = torch.finfo(self._dtype).min
        mask = torch.zeros(seen.shape, dtype=self._dtype, device=self._device).masked_fill_(~seen, lowest)
        hidden: torch.Tensor = self._model.base_model(
            input_ids=tokens,
            position_ids=positions,
            attention_mask=mask[:, None].repeat(1, 1, self._fold, 1),
            use_cache=True,
            **{self._cache_argument: cache},
        ).last_hidden_state
        return hidden


@lru_cache(maxsize=1)
def hardware_bfloat16() -> bool:
    """Whether this CPU has AMX tiles for bfloat16; emulated bfloat16 is slower than float32."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        return False
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError('device must be "auto", "cpu" or "cuda"', received=name) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("device must be one that torch finds here", received=name, cause="no GPU, or torch for CPU")
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" or hardware_bfloat16() else torch.float32
    if name not in DTYPES:
        raise unknown_name("dtype", name, [*DTYPES, "auto"])
    return DTYPES[name]


def _loaded(folder: Path, dtype: torch.dtype, trust: bool) -> tuple[Any, Any]:
    try:
        with quiet():
            model = AutoModelForCausalLM.from_pretrained(
                folder, dtype=dtype, attn_implementation="sdpa", local_files_only=True, trust_remote_code=trust
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=trust)
    except Exception as error:  # damaged files make the readers raise many kinds
        raise ArtefactError(
            f"{folder} must be a causal language model that transformers can load",
            received=f"{type(error).__name__}: {error}",
            cause="a damaged file, an unknown architecture, or one that needs trust_remote_code=True",
            fix="fetch or save the model again",
        ) from error
    return model, tokenizer
