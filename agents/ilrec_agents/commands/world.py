"""The subcommand ``ilrec world``: learn a world model from logged sessions, and say how good it is."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from ilrec_gym.console import add_env_arguments, add_settings, environment, reports_errors, settings


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec world`` with these arguments; returns the exit code."""
    options = _parser().parse_args(argv)
    run: Any = options.run
    return int(run(options))


def _fit(options: argparse.Namespace) -> int:
    from ilrec_agents.model_based.world_model import MARK, make_world_model
    from ilrec_agents.offline.dataset import read_all
    from ilrec_gym.cards import checksums
    from ilrec_gym.files import check_target

    config = settings("--set", options.set)
    model = make_world_model(environment(options), device=options.device, seed=options.seed, **config)
    check_target(options.out, mark=MARK)
    start = time.perf_counter()
    model.fit(read_all(options.data))
    model.save(options.out, inputs=checksums(options.data), seconds=time.perf_counter() - start)
    print(f"{options.out}: {_summary(model.report)}")
    return 0


def _report(options: argparse.Namespace) -> int:
    from ilrec_agents.model_based.report import markdown
    from ilrec_agents.model_based.world_model import WorldModel

    print(markdown(WorldModel.load(options.model, environment(options), device="cpu").report), end="")
    return 0


def _summary(report: dict[str, Any]) -> str:
    rating = report["rating"]
    return (
        f"RMSE {rating['rmse']:.3f} on held-out viewers (public factors {rating['public_rmse']:.3f},"
        f" constant {rating['constant_rmse']:.3f})"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ilrec world", description="World models, learned from logged sessions.")
    commands = parser.add_subparsers(dest="command", required=True)
    fit = commands.add_parser("fit", help="learn one, and save it as a folder")
    fit.add_argument(
        "--data", required=True, action="append", type=Path, metavar="FILE", help="a dataset (.h5); may be repeated"
    )
    fit.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where it is saved")
    fit.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    fit.add_argument("--device", default="auto", help="auto, cpu or cuda (%(default)s)")
    add_settings(fit, "--set", "a setting of the world model, e.g. tracker=gru")
    fit.set_defaults(run=_fit)
    report = commands.add_parser("report", help="print its accuracy on held-out viewers as Markdown")
    report.add_argument("model", type=Path, metavar="FOLDER", help="what `world fit` saved")
    report.set_defaults(run=_report)
    for command in (fit, report):
        add_env_arguments(command)
    return parser
