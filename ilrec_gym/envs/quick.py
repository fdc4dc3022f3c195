"""One session without the overhead of arrays: the scalar environment's fast path.

It works on row 0 of a :class:`Sessions` in place, so rendering, masks and pickles see the same session. Arithmetic and
its order are those of the arrays, float32 where they are float32.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ilrec_gym.envs.observation import FAST, SLOW, TASTE
from ilrec_gym.envs.sessions import Sessions
from ilrec_gym.simulation.user_models.base import Scalar

_multiply, _add = np.multiply, np.add

Step = tuple[Any, float, bool, bool, dict[str, Any]]


class QuickSession:
    """Plays the one session of ``sessions``. Views and numbers are bound once; attributes are not for others.

    Args:
        sessions: With one row, on the host.
        viewer: The user model's scalar form for it.
    """

    def __init__(self, sessions: Sessions, viewer: Scalar) -> None:
        self.sessions, self._viewer, self._show = sessions, viewer, viewer.show
        state, at, row = sessions.state, sessions.layout.slices, sessions.observations[0]
        self._shown, self._ratings, self._steps, self._exits = (
            state.shown[0],
            state.ratings[0],
            state.steps,
            state.exits,
        )
        self._row, self._last, self._log = row, at["ratings"].start, at["steps"].start
        self._decaying = row[at["memory_fast"].start : at["taste"].stop]
        self._memories = row[at["memory_fast"].start : at["memory_slow"].stop]
        self._taste = row[at["taste"]]
        observer = sessions.observer
        self._decay, self._both, self._factors = observer.decay, observer.both, observer.factors
        self._logs = np.log1p(np.arange(sessions.simulator.max_steps + 1.0)).tolist()
        low, high = sessions.scenario.rating_scale
        self._middle, self._half = (low + high) / 2, (high - low) / 2
        self._max_steps, self._n = sessions.simulator.max_steps, sessions.n_actions
        self._ids, self._user_ids = sessions.scenario.catalogue.ids.tolist(), sessions.scenario.users.ids.tolist()
        self._profile = at["profile"].stop
        self._reasons = ("", *sessions.simulator.user_model.exit_reasons)
        self._rating, self._item, self._running = sessions._rating, sessions._item, sessions.running
        self._playing, self._mean, self._facts = False, 0.0, dict[str, Any]()

    @classmethod
    def of(cls, sessions: Sessions) -> QuickSession | None:
        """The fast path, or None where the user model, the action space or the info has none."""
        simulator = sessions.simulator
        if type(sessions) is not Sessions or sessions.info_parts:
            return None
        viewer = simulator.user_model.scalar(simulator.world, sessions.state)
        return cls(sessions, viewer) if viewer else None

    def begin(self, user: int, seed: int, episode: int) -> tuple[Any, dict[str, Any]]:
        """Begin a session; what ``env.reset`` returns."""
        state, row, profile = self.sessions.state, self._row, self._profile
        state.users[0], state.seeds[0], state.episodes[0] = user, seed, episode
        self._steps[0], self._exits[0], self._rating[0], self._item[0] = 0, 0, np.nan, -1
        self._shown.fill(-1)
        self._ratings.fill(np.nan)
        self._viewer.begin(user)
        row[:profile] = self.sessions.observer.profiles[user]
        row[profile:] = 0.0
        self._running[0] = True
        self._facts = {
            "user_id": self._user_ids[user], "user_index": user, "item_id": -1, "item_index": -1, "rating": np.nan,
            "step": 0, "seed": seed, "session": episode, "exit_reason": "",
        }  # fmt: skip
        self._playing, self._mean = True, row.item(0)
        return row.copy(), self._facts.copy()

    def go_on(self) -> None:
        """Take up the session that the engine is in the middle of."""
        infos = {key: value[0].item() for key, value in self.sessions.infos().items() if key != "running"}
        self._facts = infos
        self._playing, self._mean = bool(self._running[0]), self._row.item(0)

    def step(self, action: Any) -> Step:
        """Show one film; what ``env.step`` returns."""
        if type(action) is not int and not isinstance(action, np.integer):
            action = self.sessions.checked(np.asarray(action)[None]).item()  # 0-d arrays; what is no number is refused
        if not (self._playing and 0 <= action < self._n):
            self._refuse(action)
        item = int(action)
        rating, code = self._show(item)
        t = self._steps.item(0)
        self._shown[t], self._ratings[t] = item, rating
        t += 1
        self._steps[0], self._exits[0], self._rating[0], self._item[0] = t, code, rating, item
        self._observe(item, rating, t)
        left = code > 0
        reached = not left and t >= self._max_steps
        if left or reached:
            self._running[0] = self._playing = False
        facts = self._facts.copy()
        facts["item_id"], facts["item_index"], facts["rating"], facts["step"] = self._ids[item], item, rating, t
        facts["exit_reason"] = self._reasons[code]
        return self._row.copy(), rating, left, reached, facts

    def _observe(self, item: int, rating: float, t: int) -> None:
        row, last, scaled = self._row, self._last, (rating - self._middle) / self._half
        _multiply(self._decaying, self._decay, self._decaying)
        _add(self._memories, self._both[item], self._memories)
        surprise = (1 - TASTE) * min(max(scaled - self._mean, -1.0), 1.0)
        _add(self._taste, surprise * self._factors[item], self._taste)
        row[last] = scaled
        if t == 1:
            row[last + 1] = row[last + 2] = scaled
        else:
            fast, slow = row.item(last + 1), row.item(last + 2)
            row[last + 1], row[last + 2] = fast + (1 - FAST) * (scaled - fast), slow + (1 - SLOW) * (scaled - slow)
        row[self._log] = self._logs[t]

    def _refuse(self, action: Any) -> NoReturn:
        """The engine's own error for an action outside the space, or a session that does not run."""
        self.sessions.step(np.asarray(action)[None])
        raise AssertionError(f"the engine took {action!r}, which the fast path refuses")
