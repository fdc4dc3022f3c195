"""Any causal language model of Hugging Face transformers, on CPU or GPU."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers import AttentionInterface
from transformers.cache_utils import Cache

from ilrec_agents.llm.backend import Usage
from ilrec_agents.llm.backends.attention import GROUPED, PLAIN, Masks, grouped_attention
from ilrec_agents.llm.backends.loading import device_of, dtype_of, ending, loaded
from ilrec_agents.llm.backends.quantise import loading, shorten
from ilrec_agents.llm.backends.selfcheck import check, plainly, trial
from ilrec_agents.llm.backends.slab import SlabLayer
from ilrec_agents.llm.backends.transformers_context import TransformersContext
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.models.folders import manifest
from ilrec_agents.llm.models.known import resolve
from ilrec_agents.llm.room import no_room

_EMBEDDED = 32  # texts at a time


class TransformersBackend:
    """A causal model with its tokenizer.

    Args:
        model: A known name, a folder or ``.gguf`` file, or a hub id.
        dtype: "float32", "bfloat16", "float16", or "auto": bfloat16 on a GPU and on CPUs that multiply it in hardware
            (AMX, AVX-512 BF16), float32 elsewhere.
        device: "auto", "cpu", "cuda", "cuda:1".
        quantise: "none"; "int8" for weights of 8 bits, anywhere; "int4" for 4 bits, meant for GPUs, with
            bitsandbytes (the extra ``quantise``). Less memory, and answers that differ a little.
        trust_remote_code: Whether a model may bring its own Python code.

    Raises:
        UsageError: A family that cannot be kept in mind piece by piece, such as recurrent ones; or no token that ends
            a text.
        ArtefactError: transformers cannot load it.
    """

    scores_tries = True
    usage: Usage | None = None

    def __init__(
        self,
        model: str,
        *,
        dtype: str = "auto",
        device: str = "auto",
        quantise: str = "none",
        trust_remote_code: bool = False,
    ) -> None:
        self._device = device_of(device)
        self._dtype = dtype_of(dtype, self._device)
        more = loading(quantise, self._device, self._dtype)
        folder = resolve(model)
        self._name, self._quantise, self._manifest = model, quantise, manifest(folder)
        self._model, self._tokenizer = loaded(folder, self._dtype, trust_remote_code, **more)
        self._model = self._model.eval() if more else self._model.eval().to(self._device)
        config = self._model.config.get_text_config()
        self._head = self._model.get_output_embeddings()
        shorten(quantise, self._model.base_model)
        self._scale = float(getattr(config, "logit_scale", None) or 1 / (getattr(config, "logits_scaling", None) or 1))
        self._cap = getattr(config, "final_logit_softcapping", None)
        self._end = ending(self._model, self._tokenizer)
        self._length = int(getattr(config, "max_position_embeddings", 2048))
        self._n_layers = config.num_hidden_layers
        taken = inspect.signature(self._model.base_model.forward).parameters
        self._cache_argument = "cache" if "cache" in taken else "past_key_values"  # renamed in transformers 5.24
        self._attend(config)

    @cached_property
    def special(self) -> tuple[str, ...]:
        """Texts that are control tokens."""
        return tuple(token.content for token in self._tokenizer.added_tokens_decoder.values() if token.special)

    @property
    def end(self) -> int:
        """The token that ends a text."""
        return self._end

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
        """Read the beginning of a text, with the tokens that this model's texts begin with.

        Raises:
            UsageError: It is longer than the model's context.
        """
        tokens = tuple(self._tokenizer(text)["input_ids"])
        if len(tokens) > self._length:
            raise no_room(self._length, "use another model, or a prompt file with a shorter opening")
        return self._opened([tokens])

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Hidden state of each text's last token behind the final norm, ``(N, D)``.

        Of a text that is longer than the context, the end is read.
        """
        read = [tuple(self._tokenizer(text)["input_ids"][-self._length :]) or (self.end,) for text in texts]
        order = np.argsort([len(tokens) for tokens in read], kind="stable")  # texts of a batch are about equally long
        found = np.empty((len(texts), self._head.in_features), np.float32)
        for start in range(0, len(order), _EMBEDDED):
            rows = order[start : start + _EMBEDDED]
            found[rows] = self._opened([read[row] for row in rows]).last.float().cpu().numpy()
        return found

    def facts(self) -> dict[str, Any]:
        """Model, where it came from, number format and versions."""
        source = {key: value for key, value in self._manifest.items() if key not in {"files", "format"}}
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        short = {} if self._quantise == "none" else {"quantise": self._quantise}
        where = {"dtype": self.dtype, **short, "device": str(self._device)}
        return {"model": self._name, **source, **where, "versions": versions}

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

    def forward(
        self, tokens: torch.Tensor, positions: torch.Tensor, seen: torch.Tensor, keys: torch.Tensor, cache: Cache
    ) -> torch.Tensor:
        """Hidden states of tokens; what they see of the cache and of each other is given."""
        hidden: torch.Tensor = self._model.base_model(
            input_ids=tokens,
            position_ids=positions,
            attention_mask=self._masks.of(seen, positions, keys, self._dtype),
            use_cache=True,
            **{self._cache_argument: cache},
        ).last_hidden_state
        return hidden

    def _attend(self, config: Any) -> None:
        """Choose how the layers attend, and try whether that is right for this family."""
        grouped = config.model_type in PLAIN
        self._fold = config.num_attention_heads // config.num_key_value_heads if grouped else 1
        self._masks = Masks(config, self._fold)
        tokens = trial(self.vocabulary)
        expected = plainly(self._model, tokens)
        if grouped:
            AttentionInterface.register(GROUPED, grouped_attention)
            self._model.set_attn_implementation(GROUPED)
        exact = self._dtype == torch.float32 and self._quantise != "int4"
        check(config.model_type, expected, self._read_in_pieces, tokens, exact=exact)

    def _read_in_pieces(self, pieces: Sequence[Sequence[Tokens]]) -> torch.Tensor:
        context = self._opened(pieces[0])
        for piece in pieces[1:]:
            context.append(piece)
        return self.logits(context.last)

    def _opened(self, texts: Sequence[Tokens]) -> TransformersContext:
        context = TransformersContext(self, [SlabLayer() for _ in range(self._n_layers)], len(texts), self._device)
        context.append(texts)
        return context
