"""TorchRL's GymEnv makes the environments, GymWrapper takes them, wrapped or not."""

import gymnasium as gym
import pytest

from ilrec_gym.wrappers import Candidates, ItemEmbeddingAction

from .conftest import OFFERED, WHOLE

torchrl = pytest.importorskip("torchrl.envs")
torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    "make",
    [
        lambda: torchrl.GymEnv(WHOLE),
        lambda: torchrl.GymEnv(OFFERED, split="test", max_steps=12),
        lambda: torchrl.GymWrapper(ItemEmbeddingAction(gym.make(WHOLE))),
        lambda: torchrl.GymWrapper(Candidates(gym.make(WHOLE), n=5)),
        lambda: torchrl.GymWrapper(gym.make(OFFERED, observation="dict", max_steps=12)),
    ],
)
def test_specs_and_rollout(make):
    env = make()
    torchrl.check_env_specs(env)
    env.set_seed(3)
    played = env.rollout(200)
    engine = env._env.unwrapped.sessions
    assert torch.equal(
        played["next", "reward"][:, 0].double(),
        torch.as_tensor(engine.state.ratings[0, : len(played)]).float().double(),
    )
    left = engine.infos()["exit_reason"][0] != ""
    assert played["next", "done"][-1].item() and not played["next", "done"][:-1].any()
    assert played["next", "terminated"][-1].item() == left and played["next", "truncated"][-1].item() == (not left)


def test_same_seed_same_sessions():
    played = []
    for _ in range(2):
        env = torchrl.GymEnv(OFFERED)
        env.set_seed(5)
        torch.manual_seed(0)
        played.append(env.rollout(30))
    assert torch.equal(played[0]["observation"], played[1]["observation"])


def test_a_policy_of_tensors_plays():
    env = torchrl.GymEnv(OFFERED, categorical_action_encoding=True)

    def best(observation):
        """The film with the highest predicted rating among those on offer."""
        return observation[-120:].reshape(20, 6)[:, 0].argmax()

    env.set_seed(1)
    played = env.rollout(100, best)
    assert played["action"].tolist() == [int(best(row)) for row in played["observation"]]


def test_argument_that_there_is_not_is_a_type_error():
    """GymEnv probes with frameskip=, and takes a TypeError as a no."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'max_step'") as caught:
        gym.make(WHOLE, max_step=3)
    assert "did you mean 'max_steps'" in str(caught.value)
