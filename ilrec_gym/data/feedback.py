"""What kind of feedback a log holds, and how each kind is written down as ratings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.rules import rows_named
from ilrec_gym.errors import DataError, unknown_name

EXPLICIT, THUMBS, IMPLICIT = "explicit", "thumbs", "implicit"

FEEDBACK: dict[str, str] = {
    EXPLICIT: "ratings on a scale",
    THUMBS: "up or down: the ends of the scale",
    IMPLICIT: "that it happened: the upper end of the scale",
}
"""Kind -> what it says, and which ratings stand for it."""

SIMULATED_SCALE = (1.0, 5.0)
"""The scale that simulated users rate on where the log has no ratings of more than two values."""


def fits(feedback: str, rating: NDArray[np.float64], scale: tuple[float, float]) -> None:
    """The ratings are those of this kind of feedback.

    Raises:
        UnknownNameError: There is no such kind.
        DataError: A rating is another.
    """
    if feedback not in FEEDBACK:
        raise unknown_name("feedback", feedback, FEEDBACK)
    ends = {EXPLICIT: None, THUMBS: scale, IMPLICIT: scale[1:]}[feedback]
    bad = np.zeros(len(rating), bool) if ends is None else ~np.isin(rating, ends)
    if bad.any():
        raise DataError(
            f"{feedback} feedback must have ratings of {' or '.join(f'{end:g}' for end in ends or ())} only",
            received=rows_named(bad, rating),
            cause="ratings of more than two values, which are explicit feedback",
            fix="leave feedback at 'explicit', or put the ratings on the ends of the scale",
        )
