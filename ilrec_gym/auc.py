"""The area under the receiver's curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def auc(high: NDArray[np.floating], low: NDArray[np.floating]) -> float:
    """Chance that a value of ``high`` ``(N,)`` lies above one of ``low`` ``(M,)``; ties count half.

    AUC = (sum of the ranks of high - N (N + 1) / 2) / (N M),   Mann and Whitney 1947; nan where a side is empty
    """
    n, m = len(high), len(low)
    if not n or not m:
        return float("nan")
    _, place, count = np.unique(np.concatenate([high, low]), return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((rank[:n].sum() - n * (n + 1) / 2) / (n * m))
