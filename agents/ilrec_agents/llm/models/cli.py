"""``ilrec models``: the language models that are known, fetching one, and trying one."""

from __future__ import annotations

import argparse

from ilrec_agents.llm.models.folders import cached, manifest
from ilrec_agents.llm.models.known import DEFAULT, MODELS, pull
from ilrec_gym.console import reports_errors

_USAGE = "ilrec models"


@reports_errors
def main(argv: list[str]) -> int:
    """Run the subcommand.

    Args:
        argv: What follows ``ilrec models``.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog=_USAGE, description="Local language models.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="known models, and which are in the cache")
    fetch = commands.add_parser("pull", help="fetch a model into the cache")
    fetch.add_argument("name", nargs="?", default=DEFAULT, help=f"a name of the list (default: {DEFAULT})")
    attempt = commands.add_parser("try", help="let a model recommend one film to one viewer")
    attempt.add_argument("name", nargs="?", default=DEFAULT, help="a name of the list, a folder, or a hub id")
    attempt.add_argument("--user", type=int, help="user id in ml-latest-small (default: one drawn with the seed)")
    attempt.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    if given.command == "list":
        return _list()
    if given.command == "pull":
        folder = pull(given.name)
        print(f"{given.name} is in {folder} (from the {manifest(folder)['source']})")
        return 0
    return _try(given.name, given.user, given.seed)


def _list() -> int:
    for name, known in MODELS.items():
        here = "in the cache" if cached(name).is_dir() else ""
        print(f"{name:<24} {known.licence:<12} {known.about:<26} {known.hub:<38} {here}".rstrip())
    return 0


def _try(model: str, user: int | None, seed: int) -> int:
    import gymnasium as gym
    import numpy as np

    from ilrec_agents.registry import make_agent

    env = gym.make("ilrec/MovieLens-Candidates-v0", split="all", info=("action_mask", "history"))
    observation, info = env.reset(seed=seed, options=None if user is None else {"user_id": user})
    agent = make_agent("llm", env, seed=seed, model=model)
    infos = {key: np.asarray(value)[None] for key, value in info.items()}
    action = int(agent.act(observation[None], infos)[0])
    (note,) = agent.explain() or [{}]
    scenario = env.unwrapped.scenario  # type: ignore[attr-defined]
    titles = scenario.catalogue.titles
    index = int(info["user_index"])
    profile = zip(scenario.users.profile_items[index], scenario.users.profile_ratings[index], strict=True)
    print(f"viewer {info['user_id']} rated:")
    for item, rating in sorted((pair for pair in profile if pair[0] >= 0), key=lambda pair: -pair[1]):
        print(f"  {rating:.1f}  {titles[item]}")
    print("on offer: " + ", ".join(titles[item] for item in info["candidates"]))
    print(f"the model: {note['reason']} -> {titles[info['candidates'][action]]}")
    print(f"tokens read {note['tokens_in']}, written {note['tokens_out']}; {note['ms']:.0f} ms")
    return 0
