"""A session as people see it: who watches, what was shown, how it was rated, how it ended. Public things only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ilrec_gym.envs.sessions import Sessions
from ilrec_gym.simulation.backend import to_host

_LIKED = 3  # liked films of the profile that the text names
_ENDINGS = {
    "": "the horizon was reached, the viewer had not left",
    "patience": "the viewer ran out of patience and left",
    "low_rating": "the viewer did not like the film and left",
    "too_similar": "films were too much alike and the viewer left",
    "same_genre": "too many films were of one genre and the viewer left",
    "hazard": "the viewer left, as some do at every film",
}


def ending(exit_reason: str) -> str:
    """Why a session ended, in words; ``""`` is the horizon."""
    return _ENDINGS.get(exit_reason, f"the viewer left ({exit_reason})")


@dataclass(frozen=True)
class Film:
    """One film on the screen.

    Attributes:
        title: As people write it.
        genres: Names.
        rating: What this viewer gave it; nan where it was not rated.
        stars: The rating as 0 to 5 full stars.
    """

    title: str
    genres: tuple[str, ...]
    rating: float
    stars: int


@dataclass(frozen=True)
class SessionView:
    """What an onlooker sees of one session.

    Attributes:
        viewer: The data set's id of the user.
        liked: Films of the profile, best rated first.
        films: Films shown, in order.
        on_offer: What the next step can show; empty where that is the whole catalogue.
        running: Whether the session goes on.
        exit_reason: Why the viewer left; "" while they watch, and at the horizon.
        scale: Lowest and highest rating.
    """

    viewer: int
    liked: tuple[Film, ...]
    films: tuple[Film, ...]
    on_offer: tuple[Film, ...]
    running: bool
    exit_reason: str
    scale: tuple[float, float]

    @classmethod
    def of(cls, sessions: Sessions, row: int = 0) -> SessionView:
        """The view of one row of a batch."""
        users, state = sessions.scenario.users, sessions.state
        user, steps = int(state.users[row]), int(state.steps[row])
        profile, given = users.profile_items[user], users.profile_ratings[user]
        best = [i for i in np.argsort(np.nan_to_num(-given, nan=np.inf), kind="stable") if profile[i] >= 0]
        shown, ratings = to_host(state.shown[row, :steps]), to_host(state.ratings[row, :steps])
        running = bool(sessions.running[row])
        offered = to_host(sessions.offered[row]) if running and hasattr(sessions, "offered") else ()
        reasons = ("", *sessions.simulator.user_model.exit_reasons)
        return cls(
            viewer=int(users.ids[user]),
            liked=tuple(_film(sessions, profile[i], given[i]) for i in best),
            films=tuple(_film(sessions, item, rating) for item, rating in zip(shown, ratings, strict=True)),
            on_offer=tuple(_film(sessions, item) for item in offered),
            running=running,
            exit_reason=reasons[int(state.exits[row])],
            scale=sessions.scenario.rating_scale,
        )

    @property
    def total(self) -> float:
        """The return so far."""
        return float(np.nansum([film.rating for film in self.films]))

    @property
    def status(self) -> str:
        """How things stand, in words."""
        count = f"{len(self.films)} film{'s' * (len(self.films) != 1)}"
        if self.running:
            return f"{count} so far, still watching"
        return f"ended after {count} with return {self.total:.1f}: {ending(self.exit_reason)}"


def render_session(sessions: Sessions, row: int) -> str:
    """One row of a batch of sessions as lines of text."""
    view = SessionView.of(sessions, row)
    liked = ", ".join(film.title for film in view.liked[:_LIKED]) or "nothing known"
    lines = [f"viewer {view.viewer} · liked before: {liked}"]
    for step, film in enumerate(view.films, start=1):
        stars = "★" * film.stars + "☆" * (5 - film.stars)
        lines.append(f"{step:>3}. {film.title:<48.48} {stars} {film.rating:.1f}  {', '.join(film.genres)}")
    return "\n".join([*lines, f"     {view.status}"])


def _film(sessions: Sessions, item: int, rating: float = np.nan) -> Film:
    catalogue, (low, high) = sessions.scenario.catalogue, sessions.scenario.rating_scale
    if item < 0:  # of a slate, nothing was chosen
        return Film("nothing chosen", (), float(rating), 0)
    stars = 0 if np.isnan(rating) else min(5, max(0, round(5 * (rating - low) / (high - low))))
    return Film(catalogue.titles[item], catalogue.genres_of(int(item)), float(rating), stars)
