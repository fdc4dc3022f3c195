"""The subcommand ``ilrec data``: which data sets there are, what is in one, and fetching one.

Other packages add to it through the entry point group ``ilrec.commands.data``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ilrec_gym import cli
from ilrec_gym.console import reports_errors

if TYPE_CHECKING:
    from ilrec_gym.data.schema import InteractionData


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec data`` with these arguments; returns the exit code."""
    added = cli.commands(of="data")
    if argv and argv[0] in added:
        return int(added[argv[0]].load()(argv[1:]))
    options = _parser(added, told=argv[:1] in (["-h"], ["--help"])).parse_args(argv)
    if options.command == "list":
        return _list()
    if options.command == "info":
        return _info(options.name, options.path)
    if options.command == "fit":
        return _fit(options.name, options.path, options.output)
    if options.command == "hazard":
        return _hazard(options)
    return _fetch(options.name)


def _parser(added: Mapping[str, EntryPoint], told: bool) -> argparse.ArgumentParser:
    """The parser; what other packages add is loaded only where it is to be told of."""
    parser = argparse.ArgumentParser(prog="ilrec data", description="Data sets: list, look at, fetch.")
    subparsers = parser.add_subparsers(dest="command", required=True)
    subparsers.add_parser("list", help="the known data sets, and where each is on this machine")
    info = subparsers.add_parser("info", help="counts, scale, density, checksum and splits of a data set")
    info.add_argument("name", metavar="NAME", help="e.g. ml-1m")
    info.add_argument("--path", type=Path, help="its zip or folder; without it the usual places are searched")
    fit = subparsers.add_parser("fit", help="fit preference model and public factors anew, and say how good they are")
    fit.add_argument("name", metavar="NAME", help="e.g. ml-1m")
    fit.add_argument("--path", type=Path, help="its zip or folder; without it the usual places are searched")
    fit.add_argument("--output", type=Path, help="where to write the factors (.npz)")
    _add_hazard(subparsers)
    fetch = subparsers.add_parser("fetch", help="download a data set into the cache, and verify it")
    fetch.add_argument("name", metavar="NAME", help="e.g. ml-1m")
    for name, point in added.items():
        subparsers.add_parser(name, help=cli.told(point) if told else None, add_help=False)
    return parser


def _add_hazard(subparsers: Any) -> None:
    from ilrec_gym.data.log_sessions import GAP, LOG_ENDS

    hazard = subparsers.add_parser(
        "hazard", help="fit when users leave to the pauses of a log, and say how well it fits"
    )
    hazard.add_argument("name", metavar="NAME", help="e.g. ml-latest-small; its times have to be exact")
    hazard.add_argument("--path", type=Path, help="its zip or folder; without it the usual places are searched")
    hazard.add_argument(
        "--gap", type=float, default=GAP, metavar="MINUTES", help="a pause that ends a session (%(default)g)"
    )
    hazard.add_argument(
        "--log-end",
        default="data",
        choices=LOG_ENDS,
        help="whose last rating it is after which nothing is known (%(default)s)",
    )
    hazard.add_argument("--inexact-times", action="store_true", help="also where times were filled in, as in ml-1m")
    hazard.add_argument(
        "--output", type=Path, metavar="FILE", help="where to write it, as user_model= takes it (.json)"
    )


def _list() -> int:
    from ilrec_gym.data.load import whereabouts
    from ilrec_gym.data.registry import DATASETS, source_of

    width = max(map(len, DATASETS))
    for name in DATASETS:
        print(f"{name:<{width}}  {source_of(name).summary}")
        print(f"{'':<{width}}  {whereabouts(name)}")
    return 0


def _info(name: str, path: Path | None) -> int:
    from ilrec_gym.data import catalogue_of, load_dataset

    data = load_dataset(name, path)
    print(f"{data.name}\n  checksum       {data.checksum}")
    print(f"  rating scale   {data.rating_scale[0]:g} to {data.rating_scale[1]:g}")
    print(f"  genres         {', '.join(data.items.genre_names)}")
    print(f"  user features  {', '.join(data.users.features) or 'none'}")
    _counts("all of it", data)
    _counts("catalogue (items with at least 5 ratings)", catalogue_of(data))
    return 0


def _counts(title: str, data: InteractionData) -> None:
    from ilrec_gym.data.splits import split_of

    ratings, users, items = len(data.interactions), len(data.users), len(data.items)
    test = int(split_of(data.users.own_ids).sum())
    print(title)
    print(f"  ratings        {ratings:,} (mean {data.interactions.rating.mean():.3f})")
    print(f"  items          {items:,}")
    print(f"  users          {users:,} ({users - test:,} train, {test:,} test)")
    print(f"  density        {ratings / (users * items):.2%}")


def _fit(name: str, path: Path | None, output: Path | None) -> int:
    import time

    from ilrec_gym.data import catalogue_of, load_dataset, profiles_of, split_of
    from ilrec_gym.simulation.fitting import fit_models, write_models

    data = catalogue_of(load_dataset(name, path))
    start = time.perf_counter()
    models = fit_models(data, split_of(data.users.own_ids), *profiles_of(data))
    seconds = time.perf_counter() - start
    measures = ", ".join(f"{name} {value:.4f}" for name, value in models.holdout.items())
    print(f"{data.name}: held-out {measures}; fitted in {seconds:.1f} s")
    if output:
        write_models(models, output)
        print(f"written: {output}")
    return 0


def _hazard(options: argparse.Namespace) -> int:
    from ilrec_gym.simulation.hazard.report import run

    return run(options)


def _fetch(name: str) -> int:
    from ilrec_gym.data.download import fetch
    from ilrec_gym.data.registry import source_of

    source = source_of(name)
    print(f"{name} is bundled; there is nothing to fetch" if source.bundled else fetch(source))
    return 0
