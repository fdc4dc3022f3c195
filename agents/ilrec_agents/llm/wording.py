"""From the task's films and viewers to tokens of the prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, cached_property

import numpy as np

from ilrec_agents.llm.backend import Backend
from ilrec_agents.llm.config import LLMConfig
from ilrec_agents.llm.grounding.trie import Tokens
from ilrec_agents.llm.profile import Taste
from ilrec_agents.llm.prompt import Prompt, clean
from ilrec_agents.llm.room import LESS, no_room
from ilrec_agents.task import Task

_WELL_KNOWN = 200  # the most rated films: what everybody knows
_LIKED, _CROWD = 10, 4  # how many of them each of how many stand-ins for everybody loves
_YEAR = re.compile(r"(.*\S) \(\d{4}\)")


class Names:
    """Titles and what a viewer thinks of them, for every prompt.

    Args:
        task: Titles, profiles, popularity, rating scale.
        backend: The tokenizer.
    """

    def __init__(self, task: Task, backend: Backend) -> None:
        self._task, self._backend = task, backend
        self._encoded = cache(backend.encode)

    def title(self, item: int) -> tuple[Tokens, int]:
        """A title as it goes on from the words that ask for it, and the length of its name without the year.

        A closing bracket is left off: once the year is there it is certain.
        """
        text = " " + self.name(item)
        named = _YEAR.fullmatch(text)
        if not named:
            return self._encoded(text), len(self._encoded(text))
        tokens, name = self._encoded(text[:-1]), self._encoded(named.group(1))
        return tokens, next((k for k, (a, b) in enumerate(zip(tokens, name, strict=False)) if a != b), len(name))

    def name(self, item: int) -> str:
        """A title on one line, without control tokens."""
        return clean(self._task.catalogue.titles[item], self._backend.special)

    @cached_property
    def longest_title(self) -> int:
        """Tokens of the catalogue's longest title, and one more for an end or where it meets other text."""
        return 1 + max(len(self._encoded(" " + self.name(item))) for item in range(len(self._task.catalogue)))

    def middle(self, user: int) -> float:
        """The rating from which on a viewer likes a film: the mean of the profile's, or the scale's middle."""
        ratings = self._task.users.profile_ratings[user]
        return float(np.nanmean(ratings)) if (~np.isnan(ratings)).any() else sum(self._task.rating_scale) / 2

    def everybody_likes(self) -> list[list[int]]:
        """What some viewers love who love what everybody knows: lists of items."""
        known = np.argsort(-self._task.catalogue.popularity, kind="stable")[:_WELL_KNOWN]
        return [known[k :: _WELL_KNOWN // _LIKED][:_LIKED].tolist() for k in range(_CROWD)]


class Wording(Names):
    """The prompt's pieces as tokens, each made once.

    Args:
        task: Titles, profiles, popularity, rating scale.
        config: How much of each goes in.
        prompt: The words.
        backend: The tokenizer, and how long a text may be.
    """

    def __init__(self, task: Task, config: LLMConfig, prompt: Prompt, backend: Backend) -> None:
        super().__init__(task, backend)
        self._config, self._prompt = config, prompt

    def profile(self, user: int) -> Tokens:
        """What is known of a viewer."""
        items, ratings = self._task.users.profile_items[user], self._task.users.profile_ratings[user]
        taste = Taste.of(items, ratings, self._config.liked, self._config.disliked)
        text = self._prompt.profile_text(map(self.name, taste.liked), map(self.name, taste.disliked))
        return self._encoded(text)

    def step(self, user: int, films: Sequence[tuple[int, float]], read: int) -> tuple[Tokens, int]:
        """The last films of the session.

        Args:
            user: The viewer.
            films: Item indices and ratings, oldest first.
            read: Tokens that the model has read already.

        Returns:
            Tokens, and how many of the films were left out because the model's context is short.

        Raises:
            UsageError: Not even the prompt without films fits.
        """
        fixed = len(self.reason) + self._config.max_reason_tokens + len(self.asking) + self.longest_title
        room = self._backend.context_length - read - fixed
        for left_out in range(len(films) + 1):
            named = [(self.name(item), rating, rating >= self.middle(user)) for item, rating in films[left_out:]]
            tokens = self._encoded(self._prompt.step_text(named, self._task.rating_scale[1]))
            if len(tokens) <= room:
                return tokens, left_out
        raise no_room(self._backend.context_length, LESS)

    @cached_property
    def reason(self) -> Tokens:
        """The words that ask for a reason; none where none is wanted."""
        return self._encoded(self._prompt.step["reason"]) if self._config.max_reason_tokens else ()

    @cached_property
    def asking(self) -> Tokens:
        """The words that ask for a title, after the end of the reason where that is read."""
        end = self._prompt.step["reason_end"] if self.reason and self._config.reason_guides else ""
        return self._encoded(end + self._prompt.step["choice"])

    @cached_property
    def everybody(self) -> list[Tokens]:
        """Some viewers who love what everybody knows, asked for a title."""
        profiles = (self._prompt.profile_text(map(self.name, liked), []) for liked in self.everybody_likes())
        return [self._encoded(profile + self._prompt.step["choice"]) for profile in profiles]
