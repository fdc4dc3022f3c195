"""A real causal model of two layers with random weights and its own tokenizer, made on the spot in a second."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import ilrec_gym  # noqa: F401  registers the environments
from ilrec_agents.task import Task

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
pytest.importorskip("transformers")

INFO = ("action_mask", "history")


@pytest.fixture(scope="session")
def env():
    """Twenty films on offer, with the history in the infos."""
    return gym.make("ilrec/MovieLens-Candidates-v0", info=INFO, max_steps=12)


@pytest.fixture(scope="session")
def task(env):
    return Task.of(env)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory, task) -> Path:
    """A folder with the model."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<|pad|>", "<|end|>"],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    bpe.train_from_iterator(task.catalogue.titles, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|end|>", pad_token="<|pad|>")
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=6,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            initializer_range=0.3,
            bos_token_id=None,
            eos_token_id=1,
            pad_token_id=0,
        )
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def backend(tiny_model):
    from ilrec_agents.llm.backends.transformers_backend import TransformersBackend

    return TransformersBackend(str(tiny_model), dtype="float32", device="cpu")


@pytest.fixture
def with_titles(task):
    """A function that gives the task with some titles replaced."""

    def replaced(titles):
        own = list(task.catalogue.titles)
        for item, title in titles.items():
            own[item] = title
        return replace(task, catalogue=replace(task.catalogue, titles=tuple(own)))

    return replaced


@pytest.fixture
def started(env):
    """A function that starts n sessions and plays a few steps: (sessions, observations, infos)."""

    def start(n, steps=0):
        sessions = env.unwrapped.batch(n, INFO)
        observations, infos = sessions.reset(env.unwrapped.users[:n], seeds=np.arange(n))
        for step in range(steps):
            observations, *_, infos = sessions.step((np.arange(n) * 7 + step) % 20)
        return sessions, observations, infos

    return start
