"""The subcommand ``ilrec ope``: what agents return by logged sessions of another policy, beside the truth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ilrec_gym.console import add_env_arguments, environment, reports_errors
from ilrec_gym.errors import UsageError

if TYPE_CHECKING:
    from ilrec_agents.base import Agent


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec ope`` with these arguments; returns the exit code."""
    options = _parser().parse_args(argv)
    from ilrec_agents.offline.dataset import read_hdf5
    from ilrec_agents.ope import ESTIMATORS, HORIZONS, study
    from ilrec_gym.errors import require
    from ilrec_gym.files import sha256

    if options.out:
        require("matplotlib", "report")  # before minutes of work, not after
    env = environment(options)
    found = study(
        read_hdf5(options.data),
        _targets(options, env),
        env,
        horizons=[h or None for h in options.horizon] or HORIZONS,
        estimators=options.estimator or tuple(ESTIMATORS),
        gamma=options.gamma,
        repeats=options.repeats,
        seed=options.seed,
        device=options.device,
    )
    print(found.to_markdown())
    if options.out:
        for path in found.save(options.out, inputs={"dataset": sha256(options.data)}):
            print(f"written: {path}")
    return 0


def _targets(options: argparse.Namespace, env: Any) -> dict[str, Agent]:
    """Every agent with every epsilon and temperature, by label."""
    from ilrec_agents.commands.ready import ready_agent
    from ilrec_agents.ope import softened

    found = {}
    for name in options.agent:
        agent, _ = ready_agent(name, env, device=options.device, seed=options.seed)
        for epsilon in options.epsilon or [0.0]:
            for temperature in options.temperature or [0.0]:
                how = [
                    f"{word} {value:g}" for word, value in (("epsilon", epsilon), ("temperature", temperature)) if value
                ]
                label = ", ".join([Path(name).name, *how])
                if label in found:
                    raise UsageError("every --agent must have a name of its own", received=label)
                found[label] = softened(agent, epsilon=epsilon, temperature=temperature)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ilrec ope", description="Off-policy evaluation of agents, with intervals, beside what they return indeed."
    )
    repeated = "; may be repeated"
    parser.add_argument(
        "--data", required=True, type=Path, metavar="FILE", help="logged sessions with propensities (.h5)"
    )
    parser.add_argument(
        "--agent", required=True, action="append", metavar="AGENT", help=f"a name, or a saved agent's folder{repeated}"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write Markdown, CSV and a picture")
    parser.add_argument(
        "--horizon", type=int, action="append", default=[], metavar="H",
        help=f"steps that count; 0: all of them{repeated} (3, 10, all)",
    )  # fmt: skip
    parser.add_argument(
        "--epsilon", type=float, action="append", default=[], metavar="E",
        help=f"soften every agent: so much of its choices is uniform{repeated} (0)",
    )  # fmt: skip
    parser.add_argument(
        "--temperature", type=float, action="append", default=[], metavar="T",
        help=f"soften every agent: softmax of its scores{repeated} (0: its own probabilities)",
    )  # fmt: skip
    parser.add_argument(
        "--estimator", action="append", default=[], metavar="NAME", help=f"is, wis, pdis, ...{repeated} (all)"
    )
    parser.add_argument("--gamma", type=float, default=1.0, help="discount per step (%(default)s)")
    parser.add_argument(
        "--repeats", type=int, default=4, metavar="N", help="sessions of each user for the truth (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (%(default)s)")
    add_env_arguments(parser)
    return parser
