"""The quickstart: a teacher plays, a reward is learned from it, agents learn from both, a table says who is better."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import gymnasium as gym

from ilrec_agents import Agent, load_agent, make_agent, settings_of
from ilrec_agents.benchmark.report import ResultsTable, Row
from ilrec_demos.cards.writing import markdown_path
from ilrec_demos.collect import collect
from ilrec_demos.export import export, parameters_of
from ilrec_demos.journal import Journal
from ilrec_demos.pipeline import rewards, rows
from ilrec_demos.pipeline.report import write_report
from ilrec_demos.pipeline.rows import ENV_OF, RowPlan
from ilrec_demos.pipeline.settings import Settings
from ilrec_demos.pipeline.stage import Stage, settle
from ilrec_demos.pipeline.training import Training, train_side_by_side, training_stage
from ilrec_demos.places import transcript_path
from ilrec_gym.envs.movielens import MovieLensEnv
from ilrec_gym.evaluation import Evaluation, evaluate
from ilrec_gym.evaluation.evaluate import evaluation_of, users_of
from ilrec_gym.evaluation.record_files import session_log_of
from ilrec_gym.simulation.scenario import Scenario


class Quickstart:
    """Runs the stages in order. Each leaves files under ``settings.out`` and is skipped while they are current."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def run(self) -> ResultsTable:
        """Everything, from data to report."""
        steps = (
            ("data and simulator", self.prepare),
            (f"{self.settings.teacher} demonstrates to train users", self.demonstrate),
            ("logged sessions of train users", self.log),
            ("reward from demonstrations, by inverse reinforcement learning", self.learn_reward),
            ("agents learn offline", self.train),
            ("every agent plays the same test users", self.evaluate),
        )
        for number, (what, step) in enumerate(steps, start=1):
            print(f"[{number}/{len(steps)}] {what}", flush=True)
            step()
        table = ResultsTable(tuple(self._row(plan) for plan in self.plans), baseline=rows.RULES[0].label)
        write_report(self, table)
        return table

    # Places ----------------------------------------------------------------------------------------------------------

    def path(self, *parts: str) -> Path:
        """A path under the output folder."""
        return self.settings.out.joinpath(*parts)

    @property
    def demonstrations(self) -> Path:
        """The teacher's sessions as a dataset."""
        return self.path("demonstrations.h5")

    @property
    def logged(self) -> Path:
        """The logged sessions as a dataset."""
        return self.path("log.h5")

    @property
    def sessions(self) -> tuple[Path, ...]:
        """Log and demonstrations, with the true ratings as rewards."""
        return (self.logged, self.demonstrations)

    @property
    def plans(self) -> tuple[RowPlan, ...]:
        """The rows of the table, in order."""
        teacher = rows.teacher_row(self.settings.teacher)
        return (*rows.RULES, teacher, *rows.LEARNERS, rows.ORACLE, *rows.WHOLE_ROWS)

    # Stages ----------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Load the data and the fitted models, and say what they are."""
        scenario = self.scenario
        print(
            f"  {scenario.name}: {len(scenario.catalogue):,} films, {(~scenario.users.is_test).sum():,} train and "
            f"{scenario.users.is_test.sum():,} test users; preference model's held-out RMSE {scenario.holdout_rmse:.3f}"
        )

    def demonstrate(self) -> None:
        """The teacher plays with train users."""
        journal = collect(
            self._teacher, self._train_env, self.path("journals", "demonstrations"), seed=self.settings.seed,
            sessions=self.settings.demonstrations, batch_size=self.settings.batch_size, resume=True,
        )  # fmt: skip
        self._export(journal, self.demonstrations)

    def log(self) -> None:
        """A stochastic mix of random, popular and softmax-greedy plays with train users; propensities are kept."""
        agent = make_agent("logging", self._train_env, seed=self.settings.seed)
        journal = collect(
            agent, self._train_env, self.path("journals", "log"), seed=self.settings.seed + 1_000_000,
            sessions=self.settings.log_sessions, batch_size=512, resume=True,
        )  # fmt: skip
        self._export(journal, self.logged)

    def learn_reward(self) -> None:
        """GAIL tells the teacher's choices from logged ones; both datasets are relabelled, with two controls."""
        reward = self.path("reward")
        settle([rewards.fit_stage(self.demonstrations, self.logged, reward, self._train_env, self.settings.seed)])
        settle([
            rewards.relabel_stage(
                which, self.sessions, reward, self._relabelled(which), self._train_env, self.settings.seed
            )
            for which in rewards.REWARDS
        ])  # fmt: skip

    def train(self) -> None:
        """Behaviour cloning of the teacher, and CQL on log and demonstrations with each reward, side by side."""
        config = {} if self.settings.updates is None else {"updates": self.settings.updates}
        jobs = [
            Training(plan.agent, self.path("agents", plan.trained), config, self.settings.dataset, self._data_of(plan))
            for plan in rows.LEARNERS
        ]
        stages = [training_stage(job.folder.name, job, self.settings.seed) for job in jobs]

        def side_by_side(due: list[Stage]) -> None:
            pairs = [(job, stage) for job, stage in zip(jobs, stages, strict=True) if stage in due]
            train_side_by_side(pairs, self.settings.workers)

        settle(stages, run=side_by_side)

    def evaluate(self) -> None:
        """Every row over the same test users, each once."""
        self._evaluate_teacher()
        settle([self._evaluation_stage(plan) for plan in self.plans if plan.mark != "teacher"])

    # Parts -----------------------------------------------------------------------------------------------------------

    @cached_property
    def _train_env(self) -> gym.Env[Any, Any]:
        return self.settings.env()

    @property
    def scenario(self) -> Scenario:
        """The scenario that everything happens in."""
        return self._train_env.unwrapped.scenario  # type: ignore[attr-defined]

    @cached_property
    def _teacher(self) -> Agent:
        return make_agent(
            self.settings.teacher, self._train_env, seed=self.settings.seed, **self.settings.teacher_config
        )

    def teacher_journal(self) -> Journal:
        """The teacher's sessions with test users."""
        return Journal.read(self.path("journals", "teacher-test"))

    def _export(self, journal: Journal, target: Path) -> None:
        stage = Stage(
            name=target.name,
            output=target,
            kind="dataset",
            parameters=parameters_of(journal),
            sources={"sessions": journal.sessions_path},
            seed=journal.header.seed,
            beside=(transcript_path(target), markdown_path(target)),
            make=lambda stage: export(journal, target, self._train_env),
        )
        settle([stage])

    def _data_of(self, plan: RowPlan) -> tuple[Path, ...]:
        if plan.agent == "bc":
            return (self.demonstrations,)
        which = plan.trained.removeprefix("cql-")
        return self.sessions if which == "true" else (self._relabelled(which),)

    def _relabelled(self, which: str) -> Path:
        return self.path("relabelled", f"{which}.h5")

    def _evaluate_teacher(self) -> None:
        """The teacher's sessions with test users go into a journal: they take minutes, and have reasons to show."""
        env = self.settings.env("test")
        base: MovieLensEnv = env.unwrapped  # type: ignore[assignment]
        users = base.scenario.users.ids[users_of(base, self.settings.users, self.settings.seed)].tolist()
        teacher = make_agent(self.settings.teacher, env, seed=self.settings.seed, **self.settings.teacher_config)
        journal = collect(
            teacher, env, self.path("journals", "teacher-test"), seed=self.settings.seed, sessions=len(users),
            batch_size=self.settings.batch_size, resume=True, allow_test_users=True, users=users,
        )  # fmt: skip

        def make(stage: Stage) -> None:
            log, config = session_log_of(journal.sessions, base.scenario.catalogue), journal.header.agent["config"]
            result = evaluation_of(log, base, agent=teacher.name, seed=stage.seed, config=config)
            result.save(stage.output, parameters=stage.parameters, inputs=stage.inputs)

        plan = rows.teacher_row(self.settings.teacher)
        settle([self._result_stage(plan, {"sessions": journal.sessions_path}, make)])

    def _evaluation_stage(self, plan: RowPlan) -> Stage:
        folder = self.path("agents", plan.trained)

        def make(stage: Stage) -> None:
            env = self.settings.env("test", ENV_OF[plan.group])
            agent = load_agent(folder, env) if plan.trained else make_agent(plan.agent, env, seed=stage.seed)
            result = evaluate(agent, env, seed=stage.seed, episodes=self.settings.users)
            result.save(stage.output, parameters=stage.parameters, inputs=stage.inputs)

        return self._result_stage(plan, {"agent": folder / "agent.json"} if plan.trained else {}, make)

    def _result_stage(self, plan: RowPlan, sources: dict[str, Path], make: Callable[[Stage], None]) -> Stage:
        world = {"users": self.settings.users, "scenario": self.scenario.fingerprint}
        config = {} if sources else settings_of(plan.agent)  # otherwise the sources hold them
        return Stage(
            name=plan.label,
            output=self._result(plan),
            kind="evaluation",
            parameters={"agent": plan.agent, "config": config, "group": plan.group, **world},
            sources=sources,
            seed=self.settings.seed,
            make=make,
        )

    def _result(self, plan: RowPlan) -> Path:
        return self.path("results", plan.file)

    def _row(self, plan: RowPlan) -> Row:
        return Row(plan.label, Evaluation.load(self._result(plan)), plan.group, (plan.mark,), plan.note)
