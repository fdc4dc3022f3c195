"""The subcommand ``ilrec datasets``: offline datasets that everyone can name, made from seeds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ilrec_gym.console import add_env_arguments, add_settings, environment, reports_errors, settings


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec datasets`` with these arguments; returns the exit code."""
    options = _parser().parse_args(argv)
    return _list() if options.what == "list" else _make(options)


def _list() -> int:
    from ilrec_agents.datasets import list_datasets

    datasets = list_datasets()
    width = max(len(dataset.name) for dataset in datasets)
    for dataset in datasets:
        print(f"{dataset.name:<{width}}  {dataset.summary}")
    return 0


def _make(options: argparse.Namespace) -> int:
    from ilrec_agents.datasets import RECIPES, folder_of, make_dataset, recipe_of
    from ilrec_gym.cards import card_path, read_card

    env, learner = environment(options), settings("--set", options.set)
    whole = not env.unwrapped.layout.n_candidates
    names = options.names or [name for name, recipe in RECIPES.items() if recipe.parts or whole]
    learning = [name for name in names if recipe_of(name).learns]
    for name in names:
        card = card_path(folder_of(env, options.out) / f"{name}.h5")
        before = card.stat().st_mtime_ns if card.exists() else None
        path = make_dataset(
            name, env, options.out, steps=options.steps, seed=options.seed,
            learner=learner if name in learning or not learning else None,
        )  # fmt: skip
        _tell(path, read_card(path, verify=False), there=card.stat().st_mtime_ns == before)
    return 0


def _tell(path: Path, card: dict[str, Any], there: bool) -> None:
    facts, mean, score = card["dataset"], card["statistics"]["mean_return"], card.get("normalised_score")
    scored = "" if score is None else f", score {score:.1f}"
    when = "there already" if there else f"{card['seconds']:.0f} s"
    print(
        f"{path}: {facts['transitions']:,} steps in {facts['episodes']:,} sessions, {card['distinct_items']:,} of "
        f"{card['catalogue']:,} items, mean return {mean:.1f}{scored} ({when})",
        flush=True,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ilrec datasets", description="Named offline datasets, made from seeds.")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("list", help="their names, and what each holds")
    make = what.add_parser("make", help="make some, unless they are there and unchanged")
    make.add_argument(
        "names", nargs="*", metavar="NAME", help="e.g. random mixed; none: all that the environment can have"
    )
    make.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="the folder of all named datasets")
    make.add_argument("--steps", type=int, default=100_000, metavar="N", help="least number of steps (%(default)s)")
    make.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    add_settings(make, "--set", "a setting of the agent that is trained for mixed, medium and expert")
    add_env_arguments(make)
    return parser
