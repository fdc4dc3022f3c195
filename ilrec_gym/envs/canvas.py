"""A drawing surface for pictures of sessions: text that fits, round boxes, stars. Needs Pillow (extra "video")."""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.errors import require

_FINE = 2  # drawn at this scale and averaged down: Pillow's shapes have no smooth edges
Colour = tuple[int, int, int]


class Canvas:
    """A picture under way; lengths are pixels of the finished picture, colours are RGB.

    Args:
        width: Pixels.
        height: Pixels.
        ground: Background colour.

    Raises:
        MissingExtraError: Pillow is not installed.
    """

    def __init__(self, width: int, height: int, ground: Colour) -> None:
        pillow = require("PIL.Image", "video")
        self._image = pillow.new("RGB", (width * _FINE, height * _FINE), ground)
        self._draw = require("PIL.ImageDraw", "video").Draw(self._image)

    def pixels(self) -> NDArray[np.uint8]:
        """The picture ``(height, width, 3)``."""
        return np.array(self._image.reduce(_FINE))

    def text(
        self, x: float, y: float, words: str, size: float, colour: Colour, *, width: float = 1e9, anchor: str = "lm"
    ) -> float:
        """Write one line, shortened to ``width``; how wide it came out.

        ``anchor`` is Pillow's: l, m or r of the line at x, and its middle (m) or baseline (s) at y.
        """
        font = _font(round(size * _FINE))
        words = _shortened(_drawable(" ".join(words.split())), font, width * _FINE)
        self._draw.text((x * _FINE, y * _FINE), words, colour, font, anchor)
        return float(font.getlength(words) / _FINE)

    def measure(self, words: str, size: float) -> float:
        """How wide a line would be."""
        return float(_font(round(size * _FINE)).getlength(_drawable(words)) / _FINE)

    def box(self, x: float, y: float, width: float, height: float, colour: Colour, *, radius: float = 0) -> None:
        """A filled box with round corners."""
        left, top = round(x * _FINE), round(y * _FINE)
        right, bottom = max(left, round((x + width) * _FINE) - 1), max(top, round((y + height) * _FINE) - 1)
        self._draw.rounded_rectangle((left, top, right, bottom), radius * _FINE, colour)

    def stars(self, x: float, y: float, size: float, full: int, on: Colour, off: Colour) -> None:
        """Five stars of that height in a row, the first ``full`` of them lit; ``y`` is their middle."""
        for place in range(5):
            centre = x + size * (0.5 + 1.15 * place)
            points = [((centre + a * size) * _FINE, (y + b * size) * _FINE) for a, b in _STAR]
            self._draw.polygon(points, on if place < full else off)


def _star() -> list[tuple[float, float]]:
    turns = [math.pi * (k / 5 - 0.5) for k in range(10)]
    radii = [0.53 if k % 2 == 0 else 0.22 for k in range(10)]
    return [(r * math.cos(turn), 0.03 + r * math.sin(turn)) for r, turn in zip(radii, turns, strict=True)]


_STAR = _star()


@lru_cache(maxsize=32)
def _font(size: int) -> Any:
    return require("PIL.ImageFont", "video").load_default(size)


def _shortened(words: str, font: Any, width: float) -> str:
    """With an ellipsis where it does not fit; the year at the end of a title stays."""
    if font.getlength(words) <= width:
        return words
    year = found[0] if (found := _YEAR.search(words)) else ""
    words = words.removesuffix(year)
    while words and font.getlength(f"{words}…{year}") > width:
        words = words[:-1]
    return f"{words.rstrip(' ,(:')}…{year}"


_YEAR = re.compile(r" \(\d{4}\)$")


def _drawable(words: str) -> str:
    """Letters that the font lacks, without their marks: "Kōkaku" becomes "Kokaku"."""
    return "".join(letter if _has(letter) else unicodedata.normalize("NFKD", letter)[0] for letter in words)


@lru_cache(maxsize=4096)
def _has(letter: str) -> bool:
    font = _font(32)
    return letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))
