"""An InteractionData as named compact columns, and back: the form of the bundled set and of the cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.data.feedback import EXPLICIT
from ilrec_gym.data.schema import InteractionData, Interactions, Items, Users
from ilrec_gym.errors import DataError

# Counts up whenever the columns or the way a source is parsed change, so that older cache files are made again.
FORMAT = 1
_FEATURE = "feature_"
_NOTHING = np.zeros(0, np.uint8)


def to_columns(data: InteractionData) -> dict[str, NDArray[Any]]:
    """The data as columns of the smallest fitting types; strings are UTF-8 lines."""
    log, items, users = data.interactions, data.items, data.users
    levels, codes = np.unique(log.rating, return_inverse=True)
    columns = {
        "format": np.array([FORMAT]),
        "name": _pack([data.name]),
        "rating_scale": np.array(data.rating_scale),
        "ratings_of_user": _smallest(np.bincount(log.user, minlength=len(users))),
        "item": _smallest(log.item),
        "rating_levels": levels,
        "rating": _smallest(codes),
        "seconds_since_previous": _smallest(np.diff(log.timestamp, prepend=0)),
        "item_id": _smallest(items.id),
        "title": _pack(items.title),
        "year": items.year,
        "genres": np.packbits(items.genres, axis=1),
        "genre_names": _pack(items.genre_names),
        "user_id": _smallest(users.id),
    }
    # Only where they say something, so that files of the sets that come with the package stay as they are.
    if data.feedback != EXPLICIT:
        columns["feedback"] = _pack([data.feedback])
    labels = {"item_label": items.labels, "user_label": users.labels}
    columns |= {name: _pack(values) for name, values in labels.items() if values}
    return columns | {_FEATURE + name: values for name, values in users.features.items()}


def from_columns(columns: Mapping[str, NDArray[Any]]) -> InteractionData:
    """Rebuild and validate the data that :func:`to_columns` took apart.

    Raises:
        DataError: A column is missing, of another format, or breaks the schema.
    """
    try:
        found = columns["format"].tolist()
        if found != [FORMAT]:
            raise DataError(
                f"stored columns must have format {FORMAT}", received=found, cause="another version of ilrec-gym"
            )
        genre_names = _unpack(columns["genre_names"])
        counts = columns["ratings_of_user"].astype(np.int64)
        return InteractionData(
            name=_unpack(columns["name"])[0],
            interactions=Interactions(
                user=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
                item=columns["item"].astype(np.int32),
                rating=columns["rating_levels"].astype(np.float64)[columns["rating"]],
                timestamp=np.cumsum(columns["seconds_since_previous"], dtype=np.int64),
            ),
            items=Items(
                id=columns["item_id"].astype(np.int64),
                title=_unpack(columns["title"]),
                year=columns["year"].astype(np.int16),
                genres=np.unpackbits(columns["genres"], axis=1, count=len(genre_names)).astype(bool),
                genre_names=genre_names,
                labels=_unpack(columns.get("item_label", _NOTHING)),
            ),
            users=Users(
                id=columns["user_id"].astype(np.int64),
                features={name.removeprefix(_FEATURE): columns[name] for name in columns if name.startswith(_FEATURE)},
                labels=_unpack(columns.get("user_label", _NOTHING)),
            ),
            rating_scale=tuple(columns["rating_scale"].tolist()),
            feedback=_unpack(columns["feedback"])[0] if "feedback" in columns else EXPLICIT,
        )
    except DataError:
        raise
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(
            "stored columns must be complete",
            received=f"{type(error).__name__}: {error}",
            cause="a file that something else wrote",
            fix="delete the file, so that it is made again",
        ) from error


def _smallest(values: NDArray[Any]) -> NDArray[Any]:
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    return values.astype(np.result_type(np.min_scalar_type(low), np.min_scalar_type(high)))


def _pack(lines: tuple[str, ...] | list[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(lines).encode(), dtype=np.uint8)


def _unpack(packed: NDArray[np.uint8]) -> tuple[str, ...]:
    return tuple(packed.tobytes().decode().split("\n")) if packed.size else ()
