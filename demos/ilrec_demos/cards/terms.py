"""Under which terms a dataset may be passed on: those of the data set that its viewers and films come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_MOVIELENS = (
    "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. "
    "ACM Transactions on Interactive Intelligent Systems (TiiS) 5, 4: 19:1-19:19. https://doi.org/10.1145/2827872"
)
_RESEARCH = (
    "for research; it must be acknowledged in publications, no endorsement by the University of Minnesota or GroupLens "
    "may be implied, and commercial use needs their permission first"
)
HELD = (
    "These sessions were simulated: ratings, lengths and ends come from a user model, and no rating of the data set is "
    "in the steps. Taken from the data set are the ids and titles of films and the ids of its users. Observations hold "
    "numbers computed from a viewer's first ratings. A transcript, and a language model's prompts, name films that a "
    "viewer had rated, and so hold rows of the data set."
)
"""What of a MovieLens data set is in a dataset of demonstrations."""


@dataclass(frozen=True)
class Terms:
    """What a data set's terms say about what is made from it.

    Attributes:
        dataset: Name of the data set.
        licence: Short name of the terms; "unknown" for data of one's own.
        summary: What they say, in a sentence.
        shareable: Whether they let it, and what is made from it, be passed on without asking.
        link: Where they can be read, or "".
        citation: What has to be cited, or "".
    """

    dataset: str
    licence: str
    summary: str
    shareable: bool
    link: str = ""
    citation: str = ""

    def to_json(self) -> dict[str, Any]:
        """For the JSON card."""
        return asdict(self) | {"held": HELD if self.citation else ""}


def _grouplens(name: str, shareable: bool) -> Terms:
    passing_on = (
        "it may be passed on, transformations of it too, under these same conditions"
        if shareable
        else "it may not be passed on without separate permission"
    )
    summary = f"{name} may be used {_RESEARCH}; {passing_on}."
    link = f"https://files.grouplens.org/datasets/movielens/{name}-README." + ("html" if shareable else "txt")
    return Terms(name, "grouplens-movielens", summary, shareable, link, _MOVIELENS)


TERMS: Mapping[str, Terms] = {
    terms.dataset: terms
    for terms in (_grouplens("ml-latest-small", True), _grouplens("ml-1m", False), _grouplens("ml-100k", False))
}
"""The known data sets' terms, as their README files state them."""


def terms_of(dataset: str) -> Terms:
    """The terms of a data set by name; those of data of one's own are not known and have to be seen to by its owner."""
    own = Terms(dataset, "unknown", f"The terms of {dataset} are not known here; its owner's apply.", False)
    return TERMS.get(dataset, own)
