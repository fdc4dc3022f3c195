"""The area under the receiver's curve is the share of pairs in order."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from ilrec_gym.auc import auc

Values = st.lists(st.integers(0, 6), max_size=30)


@given(Values, Values)
def test_it_is_the_share_of_pairs(high: list[int], low: list[int]) -> None:
    pairs = [(a > b) + 0.5 * (a == b) for a in high for b in low]
    found = auc(np.array(high, float), np.array(low, float))
    assert found == approx(np.mean(pairs)) if pairs else math.isnan(found)
