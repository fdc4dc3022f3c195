"""Tries read on top of a context: each node once, all of a row's branches side by side in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ilrec_agents.llm.grounding.trie import Nodes, Trie

_LOGITS = 1 << 25  # elements of logits made at a time: 128 MB in float32


class Host(Protocol):
    """What the reader needs of a context."""

    @property
    def vocabulary(self) -> int:
        """Number of logits."""

    @property
    def last(self) -> torch.Tensor:
        """Hidden state ``(B, H)`` of each row's last token."""

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of hidden states."""

    def branch(self, tokens: torch.Tensor, depths: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Hidden states of tokens ``(B, Q)``, ``depths`` behind the text; ``seen`` (B, Q, K) says of which branches."""


class TrieReader:
    """Log-probabilities of trie nodes, in as many passes as they are asked for.

    Nodes that were read stay in the cache behind the text until the context is rewound.
    """

    def __init__(self, host: Host, tries: Sequence[Trie]) -> None:
        self._host, self._tries = host, tries
        self._hidden = host.last[:, None]  # (B, 1 + C, H): the root, then a column for each node that was read
        self._columns = [np.full(len(trie) + 1, -1) for trie in tries]  # column of a node; the last entry is the root's
        self._order: list[list[int]] = [[] for _ in tries]  # node in each column, -1 for padding
        for columns in self._columns:
            columns[-1] = 0
        self.read = np.zeros(len(tries), np.int64)  # tokens read, (B,)

    @torch.inference_mode()
    def of(self, nodes: Sequence[Nodes]) -> list[NDArray[np.float64]]:
        """Log-probability of each of a row's nodes given its parent; what it needs is read first."""
        wanted = [self._unread(row, mine) for row, mine in enumerate(nodes)]
        if any(map(len, wanted)):
            self._read(wanted)
        places, targets = [], []
        for row, (trie, mine) in enumerate(zip(self._tries, nodes, strict=True)):
            places.append(row * self._hidden.shape[1] + self._columns[row][trie.parents[mine]])
            targets.append(trie.tokens[mine])
        flat = self._scores(np.concatenate(places), np.concatenate(targets))
        return np.split(flat, np.cumsum([len(mine) for mine in nodes])[:-1])

    def _unread(self, row: int, nodes: Nodes) -> Nodes:
        """Ancestors of a row's nodes that were not read yet."""
        parents = self._tries[row].parents[nodes]
        parents = parents[parents >= 0]
        if not len(parents):
            return parents
        needed = self._tries[row].above(parents)
        return needed[self._columns[row][needed] < 0]

    def _read(self, wanted: Sequence[Nodes]) -> None:
        width, before = max(map(len, wanted)), len(self._order[0])
        tokens, depths = np.zeros((2, len(wanted), width), np.int64)
        seen = np.zeros((len(wanted), width, before + width), bool)
        for row, (trie, mine) in enumerate(zip(self._tries, wanted, strict=True)):
            n = len(mine)
            tokens[row, :n], depths[row, :n] = trie.tokens[mine], trie.depths[mine]
            self._columns[row][mine] = 1 + before + np.arange(n)
            self._order[row] += [*mine.tolist(), *[-1] * (width - n)]
            order = np.array(self._order[row])
            seen[row, :n] = trie.lineage[mine][:, order] & (order >= 0)
            self.read[row] += n
        # Padding sees itself: a row of the mask without any key would give nan, which spreads through the values.
        seen[:, np.arange(width), before + np.arange(width)] = True
        device = self._hidden.device
        hidden = self._host.branch(*(torch.from_numpy(a).to(device) for a in (tokens, depths, seen)))
        self._hidden = torch.cat([self._hidden, hidden], dim=1)

    def _scores(self, places: NDArray[np.integer], targets: Nodes) -> NDArray[np.float64]:
        # Siblings share their parent's logits, so those are made once for each parent.
        parents, which = np.unique(places, return_inverse=True)
        order = np.argsort(which, kind="stable")
        flat = self._hidden.reshape(-1, self._hidden.shape[-1])
        scores = np.empty(len(targets))
        start, chunk = 0, max(1, _LOGITS // self._host.vocabulary)
        while start < len(parents):
            part = flat[torch.from_numpy(parents[start : start + chunk]).to(flat.device)]
            logits = self._host.logits(part).float()
            mine = order[np.searchsorted(which[order], start) : np.searchsorted(which[order], start + len(part))]
            at = torch.from_numpy(which[mine] - start).to(flat.device)
            picked = logits[at, torch.from_numpy(targets[mine]).to(flat.device)]
            scores[mine] = (picked - logits.logsumexp(-1)[at]).double().cpu().numpy()
            start += len(part)
        return scores
