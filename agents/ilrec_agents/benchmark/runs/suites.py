"""Suites by name: who takes part, where, under how many seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ilrec_agents.benchmark.runs.modes import check_mode
from ilrec_agents.benchmark.runs.plan import Entrant, EnvPlan, Job
from ilrec_agents.benchmark.runs.questions import OPEPlan
from ilrec_agents.checks import whole
from ilrec_gym.errors import UsageError, unknown_name

YARDSTICKS = ("random", "popular", "playlist", "mmr", "mmr_ahead", "oracle_one_step")
"""Rules that every table has: what is to be beaten, and between what scores are normalised. Seconds each."""

CURVE_USERS = 32
"""Train users that learning curves are measured on; language models have none, as it would cost more than learning."""

OFFERED, WHOLE = "ilrec/MovieLens-Candidates-v0", "ilrec/MovieLens-v0"
BUNDLED = (EnvPlan(OFFERED), EnvPlan(WHOLE))
LARGE = (EnvPlan(OFFERED, {"dataset": "ml-1m"}), EnvPlan(WHOLE, {"dataset": "ml-1m"}))

_QUICK = ("retriever_top1", "factor_ucb", "dqn", "cql", "dorl", "llm")  # one of each family
_PAPER = (
    "retriever_top1", "retriever_random", "best_average", "greedy", "epsilon_greedy",
    "linucb", "thompson", "factor_ucb",
    "ppo", "a2c", "dqn", "qrdqn", "maskable_ppo", "recurrent_ppo",
    "lcb", "bc", "nfq", "offline_dqn", "ddqn", "sac", "bcq", "cql", "dt", "sqn", "ips",
    "td3_bc", "iql", "awac", "crr", "continuous_cql", "mopo", "dorl",
)  # fmt: skip
_FULL = (*_PAPER, "random_masked", "oracle_greedy", "oracle_plan", "logging")
_FEW = OPEPlan(steps=20_000, repeats=2, resamples=500)
_NOT_OVER_ALL = {"retriever_top1", "retriever_random"}  # they choose among what is on offer


@dataclass(frozen=True)
class Suite:
    """A benchmark to run.

    Attributes:
        name: Its name.
        entrants: Who takes part; :data:`YARDSTICKS` do in any case.
        envs: Where.
        seeds: Training seeds 0, 1, ...; rules without chance run once.
        users: Test users, the same for all; None: every one.
        repeats: Sessions with each user where the agent or the user draws, averaged within the user.
        data_steps: Steps of each named dataset.
        device: Where learning runs.
        modes: Further modes of evaluation.
        ope: What a log is asked of every agent where items are on offer; None: nothing.
        about: What it is for.
    """

    name: str
    entrants: tuple[Entrant, ...]
    envs: tuple[EnvPlan, ...]
    seeds: int = 3
    users: int | None = None
    repeats: int = 1
    data_steps: int = 100_000
    device: str = "cpu"
    modes: tuple[str, ...] = ()
    ope: OPEPlan | None = None
    about: str = ""

    def __post_init__(self) -> None:
        whole(self, "seeds", "repeats", "data_steps")
        for mode in self.modes:
            check_mode(mode)
        if not self.entrants or not self.envs:
            raise UsageError("a suite needs agents and environments", received=self.name)
        if len({repr(env) for env in self.envs}) != len(self.envs):
            raise UsageError("every environment of a suite must be another one", received=[e.label for e in self.envs])
        labels = [entrant.label for entrant in self.entrants]
        if len(set(labels)) != len(labels):
            raise UsageError(
                "every agent of a suite needs a label of its own", received=labels,
                fix='give one, as in --agents \'{"agent": "cql", "data": "mixed", "label": "cql again"}\'',
            )  # fmt: skip

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every run, yardsticks first."""
        named = {entrant.label for entrant in self.entrants}
        rules = tuple(Entrant(name) for name in YARDSTICKS if name not in named)
        return tuple(
            Job(
                env, entrant, seed, self.users, self.repeats if entrant.draws or env.noisy else 1,
                curve_users=0 if entrant.family == "llm" else CURVE_USERS, data_steps=self.data_steps,
                device=self.device, modes=self.modes,
            )
            for env in self.envs
            for entrant in (*rules, *self.entrants)
            if env.offers or entrant.agent not in _NOT_OVER_ALL
            for seed in range(self.seeds if entrant.varies else 1)
        )  # fmt: skip


SUITES: dict[str, str] = {
    "quick": "one agent of each family, the bundled set, 20 on offer, 3 seeds, 32 test users",
    "paper": "the usual agents, bundled set and ML-1M, 20 on offer and whole catalogue, 3 seeds, all test users",
    "full": "every agent but the language model, the same environments, 5 seeds, all test users",
}


def suite(
    name: str, *, agents: Sequence[str] = (), envs: Sequence[str] = (), seeds: int | None = None,
    users: int | None = None, device: str = "cpu", modes: Sequence[str] = (), data_steps: int | None = None,
    ope: bool | None = None,
) -> Suite:  # fmt: skip
    """A suite by name, with other agents, environments, seeds or users where they are given.

    Args:
        name: "quick", "paper" or "full".
        agents: As :meth:`Entrant.of` reads them; in place of the suite's.
        envs: Ids or JSON; in place of the suite's.
        seeds: Training seeds.
        users: Test users; 0: all of them.
        device: Where learning runs.
        modes: Further modes of evaluation.
        data_steps: Steps of each named dataset.
        ope: Whether off-policy estimates are made; None: with the suite's own agents and environments only.

    Raises:
        UnknownNameError: No such suite, agent, environment or setting.
        UsageError: Off-policy estimates without an environment with items on offer.
    """
    if name not in SUITES:
        raise unknown_name("a suite", name, SUITES)
    made = _made(name)
    if agents:
        made = replace(made, entrants=tuple(Entrant.of(text) for text in agents))
    if envs:
        made = replace(made, envs=tuple(EnvPlan.of(text) for text in envs))
    if users is not None:
        made = replace(made, users=users or None)
    if ope and not any(env.offers for env in made.envs):
        raise UsageError(
            "off-policy estimates need an environment with items on offer", received=[env.id for env in made.envs],
            fix=f"add {OFFERED}, or leave --ope out",
        )  # fmt: skip
    if ope is False or (ope is None and (agents or envs)):
        made = replace(made, ope=None)
    return replace(
        made, seeds=made.seeds if seeds is None else seeds, device=device, modes=tuple(modes),
        data_steps=made.data_steps if data_steps is None else data_steps,
    )  # fmt: skip


def _made(name: str) -> Suite:
    about = SUITES[name]
    if name == "quick":
        return Suite(name, _entrants(_QUICK), BUNDLED[:1], users=32, repeats=2, ope=_FEW, about=about)
    if name == "paper":
        return Suite(name, _entrants(_PAPER), (*BUNDLED, *LARGE), repeats=3, ope=OPEPlan(), about=about)
    return Suite(name, _entrants(_FULL), (*BUNDLED, *LARGE), seeds=5, repeats=5, ope=OPEPlan(), about=about)


def _entrants(names: Sequence[str]) -> tuple[Entrant, ...]:
    return tuple(Entrant.of(name) for name in names)
