"""Proximal policy optimisation (Schulman et al. 2017) in one file, on nothing but Gymnasium's API and torch.

    python docs/tutorials/ppo_in_one_file.py

A retriever offers 20 films per step; the policy scores each by its features and the observation's other parts.
"""

import argparse
import time

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

import ilrec_gym  # noqa: F401, registers the environments

MIDDLE = 3.0  # of the ratings: rewards around 0 are easier to learn from


def arguments():
    """What the command line says."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--env", default="ilrec/MovieLens-Candidates-v0")
    parser.add_argument("--mode", default="vector_entry_point", help="or sync, async: Gymnasium's own vectorisation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=200_000, help="steps of all sessions together")
    parser.add_argument("--envs", type=int, default=64, help="sessions side by side")
    parser.add_argument("--rollout", type=int, default=64, help="steps of each session between updates")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=float, default=3e-3, help="learning rate, falling to 0")
    parser.add_argument("--discount", type=float, default=0.9)
    parser.add_argument("--trace", type=float, default=0.9, help="lambda of generalised advantage estimation")
    parser.add_argument("--clip", type=float, default=0.2)
    parser.add_argument("--entropy", type=float, default=0.003)
    return parser.parse_args()


class Agent(nn.Module):
    """A score for each film on offer, and a value: both see the observation scaled by its own bounds."""

    def __init__(self, space, offered, features=6):
        super().__init__()
        self.offered, self.features = offered, features
        self.rest = space.shape[0] - offered * features
        self.register_buffer("scale", torch.as_tensor(np.maximum(space.high, 1e-6)))
        self.score = nn.Sequential(nn.Linear(self.rest + features, 64), nn.Tanh(), nn.Linear(64, 1))
        self.critic = nn.Sequential(nn.Linear(space.shape[0], 64), nn.Tanh(), nn.Linear(64, 1))
        with torch.no_grad():
            self.score[-1].weight *= 0.01  # begin near a uniform choice

    def forward(self, observations):
        x = observations / self.scale
        films = x[..., self.rest :].unflatten(-1, (self.offered, self.features))
        rest = x[..., : self.rest].unsqueeze(-2).expand(*films.shape[:-1], self.rest)
        return Categorical(logits=self.score(torch.cat([rest, films], -1)).squeeze(-1)), self.critic(x).squeeze(-1)


def advantages(rewards, values, last, terminated, ended, discount, trace):
    """delta_t = r_t + g V_{t+1} [not terminated] - V_t;  A_t = delta_t + g l A_{t+1} [not ended]."""
    result, following = torch.zeros_like(rewards), torch.zeros_like(last)
    for t in reversed(range(len(rewards))):
        after = values[t + 1] if t + 1 < len(values) else last
        delta = rewards[t] + discount * after * ~terminated[t] - values[t]
        following = result[t] = delta + discount * trace * following * ~ended[t]
    return result


def train(args):
    """Play and learn in turns; the agent, and the mean return of the sessions that ended in each turn."""
    torch.manual_seed(args.seed)
    envs = gym.make_vec(args.env, num_envs=args.envs, vectorization_mode=args.mode)
    envs = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    agent = Agent(envs.single_observation_space, int(envs.single_action_space.n))
    optimiser = torch.optim.Adam(agent.parameters(), lr=args.rate, eps=1e-5)
    shape = (args.rollout, args.envs)
    observations = torch.zeros(*shape, *envs.single_observation_space.shape)
    actions = torch.zeros(shape, dtype=torch.long)
    logs, values, rewards = (torch.zeros(shape) for _ in range(3))
    terminated, ended, real = (torch.zeros(shape, dtype=torch.bool) for _ in range(3))

    updates, start, finished = max(1, args.steps // (args.rollout * args.envs)), time.perf_counter(), []
    observation = torch.as_tensor(envs.reset(seed=args.seed)[0])
    over = torch.zeros(args.envs, dtype=torch.bool)
    for update in range(updates):
        optimiser.param_groups[0]["lr"] = args.rate * (1 - update / updates)
        returns = []
        for t in range(args.rollout):
            with torch.no_grad():
                policy, values[t] = agent(observation)
            actions[t] = policy.sample()
            observations[t], logs[t] = observation, policy.log_prob(actions[t])
            # The step after the end begins the next session, whatever the action: it is not learned from.
            real[t] = ~over
            after, reward, left, cut, infos = envs.step(actions[t].numpy())
            observation, rewards[t] = torch.as_tensor(after), torch.as_tensor(reward, dtype=torch.float32) - MIDDLE
            terminated[t], ended[t] = torch.as_tensor(left), torch.as_tensor(left | cut)
            over = ended[t].clone()
            if "episode" in infos:
                returns += infos["episode"]["r"][infos["_episode"]].tolist()
        with torch.no_grad():
            last = agent(observation)[1]
        gains = advantages(rewards, values, last, terminated, ended | ~real, args.discount, args.trace)
        learn(
            agent, optimiser, args, observations[real], actions[real], logs[real], gains[real], (gains + values)[real]
        )
        finished.append(np.mean(returns) if returns else np.nan)
        if update % max(1, updates // 10) == 0 or update == updates - 1:
            seconds = time.perf_counter() - start
            done = (update + 1) * args.rollout * args.envs
            print(f"{done:>9} steps  return {finished[-1]:6.1f}  {done / seconds:8.0f} steps/s", flush=True)
    envs.close()
    return agent, finished


def learn(agent, optimiser, args, observations, actions, logs, gains, targets):
    """Some epochs of the clipped objective over what was played."""
    for _ in range(args.epochs):
        for rows in torch.randperm(len(actions)).split(args.batch):
            policy, value = agent(observations[rows])
            gain = (gains[rows] - gains[rows].mean()) / (gains[rows].std() + 1e-8)
            ratio = (policy.log_prob(actions[rows]) - logs[rows]).exp()
            surrogate = torch.min(ratio * gain, ratio.clamp(1 - args.clip, 1 + args.clip) * gain)
            error = (value - targets[rows]).square().mean()
            loss = -surrogate.mean() - args.entropy * policy.entropy().mean() + 0.5 * error
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimiser.step()


if __name__ == "__main__":
    train(arguments())
