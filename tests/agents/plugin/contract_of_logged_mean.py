"""What the author of that package runs: the contract that every agent keeps, on both kinds of action."""

import pytest

from ilrec_agents import load_agent, make_agent
from ilrec_agents.datasets import make_dataset
from ilrec_agents.offline.dataset import read_hdf5
from ilrec_gym.testing.agents import AgentContract


class TestAmongTheOffered(AgentContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path_factory):
        self.folder = tmp_path_factory.getbasetemp() / "datasets"

    def env(self, **options):
        return super().env(catalogue_size=80, **options)

    def make(self, env, *, seed=0, **config):
        agent = make_agent("logged_mean", env, seed=seed, **config)
        return agent.fit(read_hdf5(make_dataset("random", env, self.folder, steps=100)))

    def load(self, path, env):
        return load_agent(path, env)


class TestOverTheWholeCatalogue(TestAmongTheOffered):
    env_id = "ilrec/MovieLens-v0"
