"""Draws by counter."""

import numpy as np
import pytest

from ilrec_gym.simulation.draws import philox4x32, uniform

# Known answers of philox4x32-10, as the authors' Random123 library publishes them.
KNOWN = [
    ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_known_answers(counter, key, answer):
    assert philox4x32(np.array(counter), np.array(key)).tolist() == answer


def test_a_draw_does_not_depend_on_its_neighbours():
    together = uniform(np.arange(100), 3, stream=1, step=7)
    alone = [uniform(seed, 3, stream=1, step=7)[0] for seed in range(100)]
    assert together.tolist() == alone


@pytest.mark.parametrize("moved", ["seed", "episode", "stream", "step", "lane"])
def test_each_part_of_the_counter_counts(moved):
    base = {"seed": 5, "episode": 5, "stream": 5, "step": 5, "lane": 5}
    assert uniform(**base)[0] != uniform(**{**base, moved: 6})[0]


def test_uniform():
    draws = uniform(np.arange(20_000), 0, stream=0)
    assert draws.min() >= 0 and draws.max() < 1
    counts = np.histogram(draws, bins=20, range=(0, 1))[0]
    chi_square = ((counts - 1000) ** 2 / 1000).sum()
    assert chi_square < 43.8, "the 99.9% quantile of chi-square with 19 degrees of freedom"
