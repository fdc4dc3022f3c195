"""The subcommand ``ilrec irl``: fit a reward model to demonstrations, and relabel datasets with it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from ilrec_gym.console import add_env_arguments, add_settings, environment, reports_errors, settings
from ilrec_gym.errors import UsageError


@reports_errors
def main(argv: list[str]) -> int:
    """Run ``ilrec irl`` with these arguments; returns the exit code."""
    options = _parser().parse_args(argv)
    run: Any = options.run
    return int(run(options))


def _fit(options: argparse.Namespace) -> int:
    from ilrec_agents.imitation.reward_model import REWARD, make_reward_model
    from ilrec_agents.offline.dataset import read_hdf5
    from ilrec_gym.files import check_target, sha256

    config = settings("--set", options.set)
    model = make_reward_model(options.model, environment(options), device=options.device, seed=options.seed, **config)
    check_target(options.out, mark=REWARD)
    start = time.perf_counter()
    model.fit(read_hdf5(options.demos), read_hdf5(options.log))
    inputs = {"demonstrations": sha256(options.demos), "log": sha256(options.log)}
    model.save(options.out, inputs=inputs, seconds=time.perf_counter() - start)
    print(f"{options.out}: {model.name}, {', '.join(f'{name} {value}' for name, value in model.report.items())}")
    return 0


def _relabel(options: argparse.Namespace) -> int:
    import numpy as np

    from ilrec_agents.imitation.relabel import constant, relabel, shuffled
    from ilrec_agents.imitation.reward_model import REWARD, load_reward_model
    from ilrec_agents.offline.dataset import read_hdf5, write_hdf5
    from ilrec_gym.files import sha256

    if (options.reward is None) == (options.constant is None):
        raise UsageError("relabel takes just one of --reward and --constant", received=options.reward)
    dataset, inputs = read_hdf5(options.data), {"dataset": sha256(options.data)}
    if options.constant is not None:
        dataset, said = constant(dataset, options.constant), f"{options.constant:g} for every step"
    else:
        dataset = relabel(dataset, load_reward_model(options.reward, environment(options)))
        inputs, said = (
            inputs | {"reward": sha256(options.reward / REWARD)},
            f"of the reward model {options.reward.name}",
        )
    if options.shuffled:
        dataset, said = shuffled(dataset, np.random.default_rng(options.seed)), f"{said}, dealt out anew"
    parameters = {"constant": options.constant, "shuffled": options.shuffled}
    write_hdf5(dataset, options.out, parameters=parameters, inputs=inputs, seed=options.seed, reward=said)
    print(f"{options.out}: {dataset.n_transitions} transitions with rewards {said}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ilrec irl", description="Inverse reinforcement learning.")
    commands = parser.add_subparsers(dest="command", required=True)
    fit = commands.add_parser("fit", help="learn a reward from demonstrations against a log")
    fit.add_argument("--demos", required=True, type=Path, metavar="FILE", help="demonstrations (.h5)")
    fit.add_argument("--log", required=True, type=Path, metavar="FILE", help="logged sessions (.h5)")
    fit.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where the model is saved")
    fit.add_argument("--model", default="gail", metavar="NAME", help="reward model (%(default)s)")
    fit.add_argument("--device", default="auto", help="auto, cpu or cuda (%(default)s)")
    add_settings(fit, "--set", "a setting of the reward model, e.g. form=positive")
    fit.set_defaults(run=_fit)
    again = commands.add_parser("relabel", help="write a dataset again with other rewards")
    again.add_argument("--data", required=True, type=Path, metavar="FILE", help="the dataset (.h5)")
    again.add_argument("--out", required=True, type=Path, metavar="FILE", help="the new one (.h5)")
    again.add_argument("--reward", type=Path, metavar="FOLDER", help="a reward model that `irl fit` saved")
    again.add_argument("--constant", type=float, metavar="R", help="the same reward for every step: a control")
    again.add_argument("--shuffled", action="store_true", help="deal the rewards out anew: a control")
    again.set_defaults(run=_relabel)
    for command in (fit, again):
        command.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
        add_env_arguments(command)
    return parser
