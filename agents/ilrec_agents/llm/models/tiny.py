"""A real causal model of two layers with random weights and its own tokenizer, made on the spot in a second.

It writes nonsense, and shows that the whole path runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ilrec_gym.errors import require

_VOCABULARY = 700
_END, _PAD = "<|end|>", "<|pad|>"


def tiny_model(folder: Path, titles: Sequence[str], seed: int = 0, **config: Any) -> Path:
    """Write the model into a folder.

    Args:
        folder: Made if need be.
        titles: Texts that the tokenizer learns its pieces from.
        seed: Of the weights.
        **config: Entries of the model's configuration in place of those here; ``model_type`` among them for another
            family than Llama's.

    Returns:
        The folder.
    """
    for package in ("torch", "transformers", "tokenizers"):
        require(package, "llm")
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from ilrec_agents.llm.backends.quiet import quiet

    tokenizer = _tokenizer(titles)
    sizes = {
        "model_type": "llama",
        "vocab_size": len(tokenizer),
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "initializer_range": 0.3,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    } | config
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**sizes))
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(titles: Sequence[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=[_PAD, _END],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    bpe.train_from_iterator(titles, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=_END, pad_token=_PAD)
