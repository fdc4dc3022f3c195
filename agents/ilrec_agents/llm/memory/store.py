"""A memory: entries with their vectors, found again by cosine through an exact index of FAISS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ilrec_gym.errors import ArtefactError, UsageError, require
from ilrec_gym.files import replacing

Entry = dict[str, Any]
Found = tuple[float, Entry]


class Store:
    """Entries, oldest first, each with a vector of length 1.

    The index (``IndexFlatIP``) compares a query with all of them: exact, and fast enough for what sessions leave
    behind (Johnson, Douze and Jegou, IEEE Transactions on Big Data 2021).

    Args:
        keep: Entries at most; the oldest are dropped. None for no limit.
    """

    def __init__(self, keep: int | None = None) -> None:
        self.keep = keep
        self.entries: list[Entry] = []
        self._index: Any = None

    def __len__(self) -> int:
        return len(self.entries)

    def append(self, entries: Sequence[Mapping[str, Any]], vectors: NDArray[np.floating]) -> None:
        """Remember more.

        Args:
            entries: N of them, of what JSON can hold.
            vectors: ``(N, D)``.

        Raises:
            UsageError: The vectors are not of the shape of those before.
            MissingExtraError: FAISS is not installed.
        """
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.ndim != 2 or len(vectors) != len(entries):
            raise UsageError(
                f"{len(entries)} entries need vectors of shape ({len(entries)}, D)", received=vectors.shape
            )
        if not len(entries):
            return
        faiss = require("faiss", "llm")
        if self._index is None:
            self._index = faiss.IndexFlatIP(vectors.shape[1])
        if vectors.shape[1] != self._index.d:
            raise UsageError(
                f"the vectors of a memory must have {self._index.d} numbers",
                received=vectors.shape[1],
                cause="another encoder than the one that the memory was made with",
            )
        self._index.add(vectors)
        self.entries += [dict(entry) for entry in entries]
        surplus = 0 if self.keep is None else len(self.entries) - self.keep
        if surplus > 0:
            self._index.remove_ids(faiss.IDSelectorRange(0, surplus))
            del self.entries[:surplus]

    def search(
        self,
        queries: NDArray[np.floating],
        k: int,
        threshold: float = -1.0,
        within: Sequence[NDArray[np.integer]] | None = None,
    ) -> list[list[Found]]:
        """The k nearest entries of each query.

        Args:
            queries: ``(B, D)``, of length 1.
            k: At most.
            threshold: The cosine that an entry has to reach.
            within: Per query, numbers of the entries that count; None: all of them.

        Returns:
            Per query, cosines and entries, nearest first; of equal ones the oldest first.
        """
        k = min(k, len(self))
        if not k:
            return [[] for _ in queries]
        asked = np.ascontiguousarray(queries, np.float32)
        if within is None:
            pairs = list(zip(*self._index.search(asked, k), strict=True))
        else:
            pairs = [self._nearest(query, k, numbers) for query, numbers in zip(asked, within, strict=True)]
        return [
            [(float(c), self.entries[i]) for c, i in sorted(zip(near, mine, strict=True), key=_order) if c >= threshold]
            for near, mine in pairs
        ]

    def _nearest(
        self, query: NDArray[np.float32], k: int, numbers: NDArray[np.integer]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines and numbers of the k entries that are nearest to one query ``(D,)``, among these."""
        faiss, k = require("faiss", "llm"), min(k, len(numbers))
        if not k:
            return np.zeros(0, np.float32), np.zeros(0, np.int64)
        among = faiss.SearchParameters(sel=faiss.IDSelectorBatch(numbers.astype(np.int64)))
        cosines, places = self._index.search(query[None], k, params=among)
        return cosines[0], places[0]

    def save(self, folder: Path, name: str) -> None:
        """Write ``NAME.jsonl`` (entries) and ``NAME.npy`` (vectors) into a folder."""
        with replacing(folder / f"{name}.jsonl") as draft:
            lines = (json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n" for entry in self.entries)
            draft.write_text("".join(lines), encoding="utf-8", errors="surrogatepass")
        with replacing(folder / f"{name}.npy") as draft, draft.open("wb") as file:
            np.save(file, self.vectors, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path, name: str, keep: int | None = None) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            ArtefactError: A file is missing or damaged, or the two do not belong together.
        """
        store = cls(keep)
        try:
            text = (folder / f"{name}.jsonl").read_text(encoding="utf-8", errors="surrogatepass")
            entries = [json.loads(line) for line in text.split("\n") if line]
            with (folder / f"{name}.npy").open("rb") as file:
                vectors = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise _damaged(folder, name, f"{type(error).__name__}: {error}") from error
        if vectors.ndim != 2 or len(vectors) != len(entries) or not all(isinstance(entry, dict) for entry in entries):
            raise _damaged(folder, name, f"{len(entries)} entries and vectors of shape {vectors.shape}")
        store.append(entries, vectors)
        return store

    @property
    def vectors(self) -> NDArray[np.float32]:
        """``(N, D)``, as they were given."""
        if self._index is None:
            return np.zeros((0, 0), np.float32)
        return np.asarray(self._index.reconstruct_n(0, len(self)), np.float32)


def _order(pair: tuple[float, int]) -> tuple[float, int]:
    return -pair[0], pair[1]


def _damaged(folder: Path, name: str, received: str) -> ArtefactError:
    return ArtefactError(
        f"{folder} must hold a memory, {name}.jsonl with {name}.npy",
        received=received,
        cause="a missing or damaged file",
        fix="fill the memory again",
    )
