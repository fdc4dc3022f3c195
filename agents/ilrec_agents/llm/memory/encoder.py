"""Encoders: from texts to vectors whose products say how alike the texts are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """Texts to vectors."""

    name: str
    phrase: str
    """How a title is put to it: a text with one ``{}``."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors ``(N, D)`` of length 1, so that products are cosines."""

    def facts(self) -> dict[str, Any]:
        """Where the model came from, for cards; equal facts mean equal vectors."""
