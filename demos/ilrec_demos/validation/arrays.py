"""Datasets of arrays, d3rlpy's HDF5 and Minari's: files, cards, every step, and the sessions played again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from ilrec_agents.offline.episodes import Episode, SessionDataset
from ilrec_agents.offline.hdf5 import KIND, RATING, facts_of, read_hdf5
from ilrec_agents.offline.minari_format import KIND as MINARI
from ilrec_agents.offline.minari_format import METADATA, read_minari
from ilrec_demos.journal import Session, Step
from ilrec_demos.places import artefact_of
from ilrec_demos.validation.card_checks import check_card, check_files, check_values
from ilrec_demos.validation.exports import check_counts, dataset_environment, is_export
from ilrec_demos.validation.findings import Report
from ilrec_demos.validation.sessions import SessionCheck, keeps_to_the_mask
from ilrec_gym.cards import card_path
from ilrec_gym.errors import ArtefactError
from ilrec_gym.files import fingerprint, read_json

_NEAR = 1e-5  # of an observation: float32 at other batch sizes


def check_arrays(place: Path, report: Report, env: gym.Env[Any, Any] | None, *, replay: bool) -> None:
    """Add to the report what is wrong with a dataset of arrays.

    Args:
        place: The HDF5 file, or the Minari dataset's folder.
        report: Gets the findings.
        env: The environment of the sessions, or None.
        replay: Whether to play the sessions again.
    """
    artefact = artefact_of(place)
    minari = report.kind == "minari"
    card = check_card(artefact, MINARI if minari else KIND, report)
    if card is None:
        return
    check_files(place, artefact, card, report)
    try:
        dataset = (read_minari if minari else read_hdf5)(place, verify=False)
    except ArtefactError as error:
        report.add(artefact.name, error.args[0])
        return
    report.sessions, report.steps = len(dataset), dataset.n_transitions
    _facts(place, dataset, card, report)
    _Arrays(dataset, card, card_path(artefact).name, report).check(env, replay)


class _Arrays:
    """The sessions of a dataset and what its card says of them."""

    def __init__(self, dataset: SessionDataset, card: Mapping[str, Any], card_name: str, report: Report) -> None:
        self.dataset, self.card, self.card_name, self.report = dataset, card, card_name, report

    def check(self, env: gym.Env[Any, Any] | None, replay: bool) -> None:
        if not is_export(self.card_name, self.card, self.report):
            self.report.notes.append("steps not checked and not replayed: not exported from a journal")
            return
        base = dataset_environment(self.card, self.report, env)
        if base is None:
            return
        sessions = [_session(i, episode, self.card["seed"]) for i, episode in enumerate(self.dataset.episodes)]
        self._counts(sessions)
        check = SessionCheck(base, self.report, lambda s: f"session {s.number}", words=False)
        playable = check.steps(sessions)
        if not replay:
            return
        own = self.card["dataset"].get("reward") == RATING
        if not own:
            self.report.notes.append("ratings not compared: the rewards are others")
        masked = keeps_to_the_mask(self.card["agent"])
        played = check.replay(playable, viewers=self.card.get("viewers"), masked=masked, ratings=own)
        episodes = {session.number: episode for session, episode in zip(sessions, self.dataset.episodes, strict=True)}
        for session, observations in zip(playable, played, strict=True):
            self._observations(session, episodes[session.number].observations, observations)

    def _counts(self, sessions: Sequence[Session]) -> None:
        first: dict[int, int] = {}
        for i, session in enumerate(sessions):
            if session.number in first:
                self.report.add(f"episode {i}", f"session {session.number} is episode {first[session.number]} already")
            first.setdefault(session.number, i)
        check_counts(self.card_name, sessions, self.card, self.report)

    def _observations(self, session: Session, recorded: Any, found: Any) -> None:
        if recorded.shape != found.shape:
            self.report.add(f"session {session.number}", f"observations {recorded.shape}, replayed {found.shape}")
            return
        differs = np.flatnonzero(np.abs(recorded - found).max(axis=1) > _NEAR)
        if len(differs) and not any(f.place.startswith(f"session {session.number},") for f in self.report.findings):
            what = f"the observation before it differs from the replayed one, and {len(differs) - 1} others"
            self.report.add(f"session {session.number}, step {differs[0] + 1}", what)


def _facts(place: Path, dataset: SessionDataset, card: Mapping[str, Any], report: Report) -> None:
    name = card_path(artefact_of(place)).name
    task = card.get("task")
    if not isinstance(task, dict) or task.get("fingerprint") != fingerprint(task.get("description")):
        report.add(name, "task.fingerprint is not that of task.description")
    told = card.get("dataset")
    if not isinstance(told, dict):
        report.add(name, "dataset is missing")
        return
    expected = facts_of(dataset, told.get("reward", RATING))
    check_values(name, {"dataset": {key: told.get(key) for key in expected["dataset"]}}, {
        "dataset": expected["dataset"]
    }, report)  # fmt: skip
    check_values(name, card, {"statistics": expected["statistics"]}, report)
    if "closing_rows" in told:
        cut = sum(not episode.terminated for episode in dataset.episodes)
        check_values(name, {"dataset.closing_rows": told["closing_rows"]}, {"dataset.closing_rows": cut}, report)
    if report.kind == "minari":
        metadata = read_json(place / METADATA)
        expected = {"total_episodes": len(dataset), "total_steps": dataset.n_transitions}
        check_values(METADATA.as_posix(), metadata, expected, report)


def _session(index: int, episode: Episode, seed: int) -> Session:
    """An episode as a session; what arrays do not hold is left empty."""
    extras = episode.extras
    number = int(extras["session"][0]) if "session" in extras else index
    propensities, offers = extras.get("propensity"), extras.get("candidates")
    steps = tuple(
        Step(
            int(action),
            int(extras["item_id"][t]) if "item_id" in extras else -1,
            "",
            float(episode.rewards[t]),
            None if propensities is None else float(propensities[t]),
            None if offers is None else tuple(offers[t].tolist()),
        )
        for t, action in enumerate(episode.actions)
    )
    user = int(extras["user_id"][0]) if "user_id" in extras else -1
    return Session(number, user, seed + number, steps, "", episode.terminated)
