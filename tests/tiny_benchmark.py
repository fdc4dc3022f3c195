"""A benchmark of seconds: an agent that plays, one that learns from a dataset, and one that must fail."""

from ilrec_agents.benchmark.runs.plan import Entrant, EnvPlan
from ilrec_agents.benchmark.runs.suites import Suite

ENV = EnvPlan("ilrec/MovieLens-Candidates-v0", {"max_steps": 6})
PPO = Entrant("ppo", config={"total_timesteps": 512, "n_envs": 8, "n_steps": 16, "batch_size": 128, "hidden": 8})
BC = Entrant("bc", "popular", {"updates": 20, "hidden": 8})
LOST = Entrant("bc", "logs", label="bc from logs")  # there are no logged choices among candidates: it must fail
SMALL = Suite("small", (PPO, BC, LOST), (ENV,), seeds=2, users=6, repeats=2, data_steps=200, modes=("FB", "NX_3"))
