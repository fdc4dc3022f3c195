"""A session as text: who is watching, what was shown, how it was rated, and how it ended."""

from __future__ import annotations

import numpy as np

from ilrec_gym.envs.sessions import Sessions

_LIKED = 3  # liked films of the profile that are named


def render_session(sessions: Sessions, row: int) -> str:
    """One row of a batch of sessions as lines of text. Shows what is public only."""
    scenario, state = sessions.scenario, sessions.state
    catalogue, user = scenario.catalogue, int(state.users[row])
    shown = state.shown[row, : state.steps[row]]
    lines = [f"viewer {scenario.users.ids[user]} · liked before: {_liked(sessions, user)}"]
    for step, (item, rating) in enumerate(zip(shown, state.ratings[row], strict=False), start=1):
        genres = ", ".join(catalogue.genres_of(int(item)))
        lines.append(
            f"{step:>3}. {catalogue.titles[item]:<48.48} {_stars(rating, scenario.rating_scale)} {rating:.1f}  {genres}"
        )
    lines.append(_ending(sessions, row))
    return "\n".join(lines)


def _liked(sessions: Sessions, user: int) -> str:
    users, titles = sessions.scenario.users, sessions.scenario.catalogue.titles
    items, ratings = users.profile_items[user], users.profile_ratings[user]
    best = np.argsort(np.nan_to_num(-ratings, nan=np.inf), kind="stable")[:_LIKED]
    return ", ".join(titles[i] for i in items[best] if i >= 0) or "nothing known"


def _stars(rating: float, scale: tuple[float, float]) -> str:
    full = round(5 * (rating - scale[0]) / (scale[1] - scale[0]))
    return "★" * full + "☆" * (5 - full)


def _ending(sessions: Sessions, row: int) -> str:
    steps = int(sessions.state.steps[row])
    if sessions.running[row]:
        return f"     {steps} films so far, still watching"
    total = float(np.nansum(sessions.state.ratings[row]))
    why = "the viewer ran out of patience" if sessions.infos()["exit_reason"][row] else "the horizon was reached"
    return f"     ended after {steps} films with return {total:.1f}: {why}"
