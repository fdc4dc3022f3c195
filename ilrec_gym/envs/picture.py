"""A session as a picture, for ``render_mode="rgb_array"`` and videos: viewer on the left, films on the right."""

from __future__ import annotations

import colorsys
import zlib

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.envs.canvas import Canvas, Colour
from ilrec_gym.envs.rendering import Film, SessionView
from ilrec_gym.envs.sessions import Sessions

WIDTH, HEIGHT = 1280, 720
"""Size of every picture, in pixels."""

_GROUND, _CARD = (17, 21, 28), (28, 34, 44)
_INK, _DIM, _FAINT = (240, 243, 248), (150, 162, 182), (62, 72, 90)
_BAR = (98, 112, 138)
_GOLD, _GREEN, _RED, _BLUE = (247, 188, 66), (92, 200, 142), (236, 104, 110), (108, 176, 245)
_LEFT, _RIGHT, _EDGE = 40, 424, WIDTH - 40
_LIKED, _EARLIER, _BARS = 6, 6, 48


def session_picture(sessions: Sessions, row: int = 0) -> NDArray[np.uint8]:
    """One row of a batch of sessions as ``(HEIGHT, WIDTH, 3)`` uint8. Shows what is public only.

    Raises:
        MissingExtraError: Pillow is not installed.
    """
    view, canvas = SessionView.of(sessions, row), Canvas(WIDTH, HEIGHT, _GROUND)
    _viewer(canvas, view)
    _score(canvas, view)
    _films(canvas, view)
    _footer(canvas, view)
    return canvas.pixels()


def _viewer(canvas: Canvas, view: SessionView) -> None:
    canvas.text(_LEFT, 52, f"Viewer {view.viewer}", 34, _INK, width=_RIGHT - _LEFT - 40)
    canvas.text(_LEFT, 98, "liked before", 16, _DIM)
    for place, film in enumerate(view.liked[:_LIKED]):
        y = 128 + 46 * place
        canvas.text(_LEFT, y, film.title, 17, _INK, width=_RIGHT - _LEFT - 40)
        canvas.stars(_LEFT, y + 20, 12, film.stars, _GOLD, _FAINT)
    if not view.liked:
        canvas.text(_LEFT, 128, "nothing known", 17, _FAINT)


def _score(canvas: Canvas, view: SessionView) -> None:
    """The return so far, and a bar for every rating, the newest on the right."""
    count = len(view.films)
    canvas.text(_LEFT, 436, "return so far", 16, _DIM)
    canvas.text(_LEFT, 482, f"{view.total:.1f}", 58, _INK)
    mean = f", {view.total / count:.2f} on average" if count else ""
    canvas.text(_LEFT, 528, f"{count} film{'s' * (count != 1)}{mean}", 16, _DIM)
    low, high = view.scale
    width, floor, tall = (_RIGHT - _LEFT - 40) / _BARS, 664, 96
    canvas.box(_LEFT, floor, _BARS * width, 2, _FAINT)
    for place, film in enumerate(view.films[-_BARS:]):
        if not np.isnan(film.rating):
            height = 4 + (tall - 4) * (film.rating - low) / (high - low)
            newest = place == min(count, _BARS) - 1
            canvas.box(_LEFT + place * width, floor - height, width - 2, height, _GOLD if newest else _BAR, radius=2)


def _films(canvas: Canvas, view: SessionView) -> None:
    """The newest film large, earlier ones below it."""
    canvas.box(_RIGHT, 32, _EDGE - _RIGHT, 148, _CARD, radius=14)
    if not view.films:
        canvas.text((_RIGHT + _EDGE) / 2, 106, "nothing shown yet", 26, _DIM, anchor="mm")
        return
    newest, x = view.films[-1], _RIGHT + 28
    number = canvas.text(x, 78, f"{len(view.films)}", 34, _GOLD)
    canvas.text(x + number + 18, 78, newest.title, 34, _INK, width=_EDGE - 28 - (x + number + 18))
    canvas.stars(x, 134, 30, newest.stars, _GOLD, _FAINT)
    after = x + 190 + canvas.text(x + 190, 135, _number(newest), 26, _INK)
    _chips(canvas, newest, after + 24, 134, 16, _EDGE - 28)
    for age, film in enumerate(view.films[-2 : -2 - _EARLIER : -1], start=1):
        _earlier(canvas, film, len(view.films) - age, 196 + 68 * (age - 1))


def _earlier(canvas: Canvas, film: Film, number: int, y: float) -> None:
    canvas.box(_RIGHT, y, _EDGE - _RIGHT, 58, _CARD, radius=10)
    x, middle, split = _RIGHT + 28, y + 29, _EDGE - 196
    canvas.text(x + 26, middle, f"{number}", 17, _DIM, anchor="rm")
    room = split - 52 - (x + 44) - (canvas.measure(film.genres[0], 13) + 18 if film.genres else 0)
    title = x + 44 + canvas.text(x + 44, middle, film.title, 19, _INK, width=room)
    _chips(canvas, film, title + 18, middle, 13, split - 16)
    canvas.stars(split, middle, 18, film.stars, _GOLD, _FAINT)
    canvas.text(_EDGE - 28, middle, _number(film), 19, _INK, anchor="rm")


def _chips(canvas: Canvas, film: Film, x: float, y: float, size: float, edge: float) -> None:
    """As many genres as there is room for."""
    for genre in film.genres:
        width = canvas.measure(genre, size) + 1.4 * size
        if x + width > edge:
            return
        canvas.box(x, y - size, width, 2 * size, _tint(genre, 0.30), radius=size)
        canvas.text(x + 0.7 * size, y, genre, size, _tint(genre, 0.92))
        x += width + 0.5 * size


def _footer(canvas: Canvas, view: SessionView) -> None:
    """How things stand, and what can come next."""
    colour = _GREEN if view.running else _RED if view.exit_reason else _BLUE
    y = 640 if view.on_offer else 660
    canvas.box(_RIGHT, y - 8, 16, 16, colour, radius=8)
    canvas.text(_RIGHT + 28, y, view.status, 20, colour, width=_EDGE - _RIGHT - 28)
    if view.on_offer:
        titles = ", ".join([*(film.title for film in view.on_offer[:8]), "…"])
        canvas.text(
            _RIGHT + 28, y + 32, f"{len(view.on_offer)} on offer: {titles}", 16, _DIM, width=_EDGE - _RIGHT - 28
        )


def _number(film: Film) -> str:
    return "–" if np.isnan(film.rating) else f"{film.rating:.1f}"


def _tint(name: str, value: float) -> Colour:
    """A colour of a genre's own, the same in every picture."""
    hue = zlib.crc32(name.encode()) % 360 / 360
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.42 if value > 0.5 else 0.55, value)
    return round(255 * red), round(255 * green), round(255 * blue)
