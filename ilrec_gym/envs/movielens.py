"""The Gymnasium environments: one session at a time over the sessions engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data import InteractionData
from ilrec_gym.envs.dict_observation import DictObservation
from ilrec_gym.envs.observation import Layout
from ilrec_gym.envs.picture import session_picture
from ilrec_gym.envs.quick import QuickSession
from ilrec_gym.envs.rendering import render_session
from ilrec_gym.envs.sessions import Sessions
from ilrec_gym.envs.setting import Setting, SettingOptions
from ilrec_gym.errors import unknown_name
from ilrec_gym.simulation.scenario import Scenario
from ilrec_gym.simulation.user_models import UserModel

OBSERVATIONS = ("box", "dict")
RESET_OPTIONS = ("user_id",)


class MovieLensEnv(gym.Env[Any, Any]):
    """A viewer opens a film service; at each step the recommender shows one film of the catalogue.

    ## Description
    Viewers are real users of a MovieLens data set. A preference model fitted to all ratings says how much a viewer
    would like a film (hidden). Films that resemble what was shown lately, and repeats, are liked less; every film that
    falls short of what the viewer has come to expect costs patience; when patience has run out the viewer leaves.
    So a recommender has to match taste and keep variety for as long as it can.

    ## Action Space
    `Discrete(n_items)`: the index of a film in `env.unwrapped.scenario.catalogue`.

    ## Observation Space
    By default one flat `Box(float32)`, with the parts below in this order (`env.unwrapped.layout` finds them by
    name). Only public things are in it; k is the number of public factors (16), G the number of genres.

    | part | size | what | range |
    |---|---|---|---|
    | `profile` | k + 2 | mean rating, bias and public factors of the profile | bounded by the data |
    | `memory_fast` | G | decayed sum (0.8) of the content vectors shown | 0 to 5 |
    | `memory_slow` | G | decayed sum (0.95) of the same | 0 to 20 |
    | `taste` | k | decayed mean (0.9) of public factors shown, times rating minus profile mean | bounded by the data |
    | `ratings` | 3 | last rating, moving averages (0.8 and 0.95) of the ratings | -1 to 1 |
    | `steps` | 1 | ln(1 + films shown) | 0 to 20 |

    With `observation="dict"`: `features` (the same vector), `profile_items`, `profile_ratings`, `history_items`,
    `history_ratings` (item indices padded with -1, ratings padded with 0).

    ## Rewards
    The rating that the viewer gives, on the data set's own scale, also for the film that makes the viewer leave.

    ## Starting State
    A user drawn uniformly from the split with full patience and nothing shown, or the one that
    `reset(options={"user_id": ...})` names. The draw depends only on the seed and on the number of the session.

    ## Episode End
    `terminated`: the viewer left; `info["exit_reason"]` says why (`"patience"`).
    `truncated`: `max_steps` films were shown and the viewer had not left. Never both.

    ## Information
    `user_id`, `user_index`, `item_id`, `item_index` (-1 before the first film), `rating` (nan before the first film),
    `exit_reason` ("" while the session runs), `step`, and `seed` and `session`, which agents draw from. Where `info=`
    asks for them: `action_mask` (False for films that the viewer has seen, in the profile or in this session) and
    `history_items`, `history_ratings`.

    ## Arguments
    * `dataset`: `"ml-latest-small"` (bundled), `"ml-1m"`, `"ml-100k"`, `"file"` (own data that were saved), or an
      `InteractionData` or `Scenario` object.
    * `data_path`: a zip or folder with the data set, or the saved file, taken as it is.
    * `user_model`: preset name, `{"name": "satiation", "kappa": 0.25, "lam": 0.8, "rho": 2.0, "patience": 3.0,
      "gain": 1.0}`, or an object.
    * `split`: `"train"` (80% of the users), `"test"`, `"all"`.
    * `max_steps`: the horizon, 100.
    * `min_ratings`: films with fewer ratings are left out, 5. `catalogue_size`: only the most rated so many.
    * `profile_length`: how many of a user's first logged ratings are public, 20.
    * `observation`: `"box"` or `"dict"`. `info`: optional parts of the info.
    * `render_mode`: `"ansi"` gives the session as text, `"human"` prints it, `"rgb_array"` draws it (720 x 1280 pixels,
      for videos; needs the extra `video`).

    ## Version History
    * v0: first version.
    """

    metadata = {
        "render_modes": ["ansi", "human", "rgb_array"],
        "render_fps": 1,
    }

    def __init__(
        self,
        dataset: str | InteractionData | Scenario = "ml-latest-small",
        *,
        observation: str = "box",
        info: Sequence[str] = (),
        render_mode: str | None = None,
        **options: Unpack[SettingOptions],
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise unknown_name("render_mode", render_mode, self.metadata["render_modes"])
        if observation not in OBSERVATIONS:
            raise unknown_name("observation", observation, OBSERVATIONS)
        self.render_mode = render_mode
        self.setting = Setting.of(dataset, **options)
        self._sessions = self.batch(1, info)
        self.action_space = self._sessions.action_space
        history = DictObservation(self.scenario, self.layout, self.max_steps)
        self._as_dict = history if observation == "dict" else None
        self.observation_space = self._as_dict.space() if self._as_dict else self.layout.space()
        self._session_seed, self._episode = 0, -1
        self._quick = self._quick_session()

    @property
    def scenario(self) -> Scenario:
        """Items, users and preferences."""
        return self.setting.scenario

    @property
    def user_model(self) -> UserModel:
        """How users rate, and when they leave."""
        return self.setting.user_model

    @property
    def split(self) -> str:
        """``"train"``, ``"test"`` or ``"all"``."""
        return self.setting.split

    @property
    def max_steps(self) -> int:
        """The horizon."""
        return self.setting.max_steps

    @property
    def layout(self) -> Layout:
        """Where each part of the flat observation lies."""
        return self._sessions.layout

    @property
    def sessions(self) -> Sessions:
        """The engine with this environment's one session."""
        return self._sessions

    @property
    def users(self) -> NDArray[np.int64]:
        """Indices of the users of this environment's split."""
        return self.setting.users

    def batch(self, n: int, info: Sequence[str] = ()) -> Sessions:
        """The engine for n sessions of the same kind in lock-step."""
        return self.setting.batch(n, info)

    def describe(self) -> dict[str, Any]:
        """What decides sessions here, as JSON; data by fingerprint."""
        return self.setting.describe()

    @property
    def fingerprint(self) -> str:
        """Hash of :meth:`describe`: sessions of equal fingerprint can be compared."""
        return self.setting.fingerprint

    def draw_users(self, seeds: Any, episode: Any = 0) -> Any:
        """The user of session ``episode`` under each seed."""
        return self.setting.draw_users(seeds, episode)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin a session.

        Args:
            seed: Makes this session and those after it reproducible.
            options: ``{"user_id": id}`` to choose the user.

        Raises:
            UsageError: An unknown option, or a user who is not of this split.
        """
        super().reset(seed=seed)
        if seed is not None or self._episode < 0:
            self._session_seed, self._episode = int(self.np_random_seed or 0) % 2**63, -1
            self._drawn = 0, np.array([], np.int64)
        self._episode += 1
        user = self._choose_user(options or {})
        if self._quick:
            return self._quick.begin(user, self._session_seed, self._episode)
        observations, infos = self._sessions.reset([user], seeds=self._session_seed, episodes=self._episode)
        return self._emit(observations), self._info(infos)

    def step(self, action: np.int64) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Show one film.

        Raises:
            UsageError: The action is outside the space, or the session has ended.
        """
        if self._quick:
            return self._quick.step(action)
        observations, reward, terminated, truncated, infos = self._sessions.step(np.asarray(action)[None])
        return self._emit(observations), float(reward[0]), bool(terminated[0]), bool(truncated[0]), self._info(infos)

    def action_masks(self) -> NDArray[np.bool_]:
        """``(n_actions,)`` bool, False for films that the viewer has seen, in the profile or in this session."""
        mask: NDArray[np.bool_] = self._sessions.action_mask()[0]
        return mask

    def render(self) -> Any:
        """The session so far: as text in mode "ansi", printed in mode "human", as a picture in mode "rgb_array"."""
        if self.render_mode is None:
            gym.logger.warn('render() needs a render_mode: gym.make(..., render_mode="ansi")')
            return None
        if self.render_mode == "rgb_array":
            return session_picture(self._sessions, row=0)
        text = render_session(self._sessions, row=0)
        if self.render_mode == "human":
            print(text, flush=True)
            return None
        return text

    def __getstate__(self) -> dict[str, Any]:
        # The fast path works on views, which pickle would part from their arrays.
        return {**self.__dict__, "_quick": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._quick = self._quick_session()
        if self._quick:
            self._quick.go_on()

    def _quick_session(self) -> QuickSession | None:
        plain = self._as_dict is None and self.render_mode != "human"
        return QuickSession.of(self._sessions) if plain else None

    def _choose_user(self, options: Mapping[str, Any]) -> int:
        for option in options:
            if option not in RESET_OPTIONS:
                raise unknown_name("option of reset()", option, RESET_OPTIONS)
        if "user_id" in options:
            return self.setting.user_of(options["user_id"])
        first, drawn = self._drawn
        if not first <= self._episode < first + len(drawn):
            first = self._episode
            drawn = self.draw_users(self._session_seed, first + np.arange(_DRAWN))
            self._drawn = first, drawn
        return int(drawn[self._episode - first])

    def _emit(self, observations: NDArray[np.float32]) -> Any:
        if self.render_mode == "human":
            self.render()
        if self._as_dict is None:
            return observations[0]
        return {name: part[0] for name, part in self._as_dict(observations, self._sessions.state).items()}

    def _info(self, infos: dict[str, NDArray[Any]]) -> dict[str, Any]:
        row = {key: value[0] for key, value in infos.items() if key != "running"}
        return {key: value if isinstance(value, np.ndarray) else value.item() for key, value in row.items()}


_DRAWN = 64  # users drawn at once: one draw costs as much as these


class MovieLensCandidatesEnv(MovieLensEnv):
    """As MovieLens, but a public retriever offers 20 films per step and the action picks one of them.

    ## Description
    The retriever ranks the films that the viewer has not seen by predicted rating on public factors minus similarity
    to what was shown lately, and offers the first `n_candidates`. One small action set serves language models,
    reinforcement learning and off-policy evaluation alike. Viewers are those of `ilrec/MovieLens-v0`.

    ## Action Space
    `Discrete(n_candidates)`: the place of a film among those on offer, best first by the retriever's score.

    ## Observation Space
    The parts of `ilrec/MovieLens-v0`, and a last part `candidates`: for every film on offer, in order,
    `predicted_rating` (public factors), `similarity_fast` and `similarity_slow` (content vector times the
    two memories), `taste_match` (public factors times `taste`), `item_mean` (mean plus item bias), `log_popularity`
    (ln(1 + ratings by train users)). Ratings are centred on the middle of the scale and divided by half its width.

    ## Rewards
    As in `ilrec/MovieLens-v0`: the rating that the viewer gives.

    ## Starting State
    As in `ilrec/MovieLens-v0`.

    ## Episode End
    As in `ilrec/MovieLens-v0`.

    ## Information
    As in `ilrec/MovieLens-v0`, and `candidates`: the item indices on offer, `(n_candidates,)`.

    ## Arguments
    Those of `ilrec/MovieLens-v0`, and `n_candidates`: how many films are offered, 20.

    ## Version History
    * v0: first version.
    """

    def __init__(
        self, dataset: str | InteractionData | Scenario = "ml-latest-small", *, n_candidates: int = 20, **options: Any
    ) -> None:
        super().__init__(dataset, n_candidates=n_candidates, **options)


class MovieLensSlateEnv(MovieLensEnv):
    """As MovieLens, but each step shows several films at once, and the viewer chooses one of them or none.

    ## Description
    RecSim's sessions (Ie et al. 2019) on MovieLens tastes. A film's score is the rating that it would be given, less
    what the viewer has come to expect; the viewer chooses by multinomial logit or walks down the list (cascade), each
    place being looked at with a probability that falls with its rank. Choosing nothing is rated with the lowest
    rating and costs patience like it. What was shown beside the chosen film satiates a little, too. Viewers are those
    of `ilrec/MovieLens-v0`.

    ## Action Space
    `MultiDiscrete([n_items] * slate_size)`: indices of films in `env.unwrapped.scenario.catalogue`, in the order of
    their places. A film that stands in a slate twice counts once; its second place is empty.

    ## Observation Space
    The parts of `ilrec/MovieLens-v0`. The memories take in what was shown beside the chosen film with weight 0.3; where
    nothing was chosen, `taste` takes in nothing, and `ratings` the lowest rating.

    ## Rewards
    The rating of the chosen film; the lowest rating where none was chosen.

    ## Starting State
    As in `ilrec/MovieLens-v0`.

    ## Episode End
    As in `ilrec/MovieLens-v0`.

    ## Information
    As in `ilrec/MovieLens-v0`, where `item_id` and `item_index` are -1 if nothing was chosen, and `slate`, the item
    indices shown (-1 in emptied places), and `clicks`, which place was chosen: `(slate_size,)` each.

    ## Arguments
    Those of `ilrec/MovieLens-v0`, with `user_model="recsim"`, and `slate_size`: how many films are shown at once, 3.

    ## Version History
    * v0: first version.
    """

    def __init__(
        self, dataset: str | InteractionData | Scenario = "ml-latest-small", *, slate_size: int = 3, **options: Any
    ) -> None:
        super().__init__(dataset, slate_size=slate_size, **({"user_model": "recsim"} | options))
