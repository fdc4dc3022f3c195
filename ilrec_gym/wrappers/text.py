"""Sessions in words: the observation is text as people read it, the action is a title."""

from __future__ import annotations

import string
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from ilrec_gym.data.title_index import TitleIndex
from ilrec_gym.envs.rendering import render_session
from ilrec_gym.errors import UsageError
from ilrec_gym.simulation.scenario import Catalogue
from ilrec_gym.wrappers.parts import AnyEnv, n_actions, ours

_FRAME = string.printable + "·★☆"  # characters that are in no title


class TextObservation(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """The session so far as text: who watches, what was shown and how it was rated, and, where n are offered, which.

    Public things only, as in ``render_mode="ansi"``. The observation that it replaces is in ``info["observation"]``.

    Args:
        env: An environment of this project, wrapped or not.

    Raises:
        UsageError: Another package's environment.
    """

    def __init__(self, env: AnyEnv) -> None:
        gym.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self._base = ours(env, "TextObservation")
        catalogue = self._base.scenario.catalogue
        letters = set(_FRAME).union(*catalogue.titles, *catalogue.genre_names)
        self.observation_space = spaces.Text(
            self._longest(catalogue, env.action_space), min_length=1, charset=frozenset(letters)
        )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin a session."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._text(info), info | {"observation": observation}

    def step(self, action: Any) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        """Show one film."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._text(info), reward, terminated, truncated, info | {"observation": observation}

    def _text(self, info: dict[str, Any]) -> str:
        text = render_session(self._base.sessions, row=0)
        if "candidates" not in info or not self._base.sessions.running[0]:
            return text
        catalogue = self._base.scenario.catalogue
        offered = [
            f"{place:>3}: {catalogue.titles[item]}  {', '.join(catalogue.genres_of(int(item)))}"
            for place, item in enumerate(info["candidates"])
        ]
        return "\n".join([text, "on offer:", *offered])

    def _longest(self, catalogue: Catalogue, actions: Any) -> int:
        title = max(map(len, catalogue.titles))
        genres = max(map(len, catalogue.genre_names)) + 2
        line = 80 + title + genres * int(catalogue.genres.sum(axis=1).max())
        offered = len(catalogue) if self._base.setting.n_candidates is None else self._base.setting.n_candidates
        offered = min(offered, int(getattr(actions, "n", offered)))
        return int(line * (self._base.max_steps + offered + 8))


class TextAction(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """The action is a title: of any film of the catalogue, or of one on offer where n are.

    It is grounded as written first, then without regard to case, accents, punctuation and place of the article, then by
    name and year, then by name alone: see :class:`~ilrec_gym.data.title_index.TitleIndex`. What fits no film or several
    is an error that names the nearest ones; nothing is shown then, and another title can be given.

    Args:
        env: An environment of this project, wrapped or not, whose actions are films or places of films on offer.

    Raises:
        UsageError: Another environment.
    """

    def __init__(self, env: AnyEnv) -> None:
        gym.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self._base = ours(env, "TextAction")
        catalogue = self._base.scenario.catalogue
        self._n = n_actions(env, "TextAction")
        self.titles = TitleIndex(catalogue.titles, catalogue.popularity)
        self._space = Titles(catalogue.titles)
        self.action_space = self._space
        self._offered: list[int] | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin a session."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._take(info)
        return observation, info

    def step(self, action: str) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Show the film of that title.

        Raises:
            UsageError: The title fits no film, several, or one that is not on offer.
        """
        item = self.titles.find(action, self._offered)
        place = item if self._offered is None else self._offered.index(item)
        observation, reward, terminated, truncated, info = self.env.step(np.int64(place))
        self._take(info)
        return observation, reward, terminated, truncated, info

    def _take(self, info: dict[str, Any]) -> None:
        offered = len(info.get("candidates", self.titles.titles))
        if offered != self._n:
            raise UsageError(
                f"TextAction needs actions that are the {offered} films on offer",
                received=self.env.action_space,
                cause="a wrapper that changes actions",
            )
        self._offered = info["candidates"].tolist() if "candidates" in info else None
        self._space.on_offer = self._offered


class Titles(spaces.Text):
    """Any text; samples are titles: of the whole catalogue, or of what is on offer now.

    Args:
        titles: One for each item.

    Attributes:
        on_offer: Items whose titles are sampled; None for all.
    """

    def __init__(self, titles: tuple[str, ...], seed: int | None = None) -> None:
        letters = set(string.printable).union(*titles)
        super().__init__(4 * max(map(len, titles)), min_length=1, charset=frozenset(letters), seed=seed)
        self.titles, self.on_offer = titles, None

    on_offer: list[int] | None

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """A title, uniformly.

        Raises:
            UsageError: A mask is given.
        """
        if mask is not None or probability is not None:
            raise UsageError("titles are sampled without a mask", received=mask if probability is None else probability)
        items = range(len(self.titles)) if self.on_offer is None else self.on_offer
        return self.titles[items[int(self.np_random.integers(len(items)))]]
