"""A key-value cache that grows in place: appending writes, forgetting moves an index, nothing is copied."""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import CacheLayerMixin

_STEP = 128  # positions added at a time


class SlabLayer(CacheLayerMixin):
    """Keys and values of one layer in buffers ``(B, heads, capacity, d)``, of which the first ``used`` count."""

    is_sliding = False

    def __init__(self) -> None:
        super().__init__()
        self.used = 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Make empty buffers of the right type."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write new positions behind the used ones; the views hold all that count."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.used + key_states.shape[2]
        keys, values = self._filled()
        if self.keys is None or end > self.keys.shape[2]:
            capacity = -(-end // _STEP) * _STEP
            self.keys, self.values = self._grown(keys, capacity), self._grown(values, capacity)
        self.used = end
        keys, values = self._filled()
        keys[:, :, -key_states.shape[2] :] = key_states
        values[:, :, -key_states.shape[2] :] = value_states
        return keys, values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length with the query, and offset."""
        return self.used + query_length, 0

    def get_seq_length(self) -> int:
        """Positions in use."""
        return self.used

    def get_max_length(self) -> int:
        """No maximum."""
        return -1

    def get_max_cache_shape(self) -> int:
        """What :meth:`get_max_length` is called in transformers 5.0."""
        return self.get_max_length()

    def _filled(self) -> tuple[torch.Tensor, torch.Tensor]:
        assert self.keys is not None and self.values is not None, "a cache is selected from after something was read"
        return self.keys[:, :, : self.used], self.values[:, :, : self.used]

    def select(self, rows: torch.Tensor) -> SlabLayer:
        """The layer of these rows."""
        keys, values = self._filled()
        return self._made(keys[rows], values[rows])

    def joined(self, other: SlabLayer) -> SlabLayer:
        """This layer's rows, then the other's, at the wider of both."""
        width, (keys, values), (more_keys, more_values) = max(self.used, other.used), self._filled(), other._filled()
        return self._made(
            torch.cat([self._grown(keys, width), self._grown(more_keys, width)]),
            torch.cat([self._grown(values, width), self._grown(more_values, width)]),
        )

    @staticmethod
    def _made(keys: torch.Tensor, values: torch.Tensor) -> SlabLayer:
        made = SlabLayer()
        made.lazy_initialization(keys, values)
        made.keys, made.values, made.used = keys, values, keys.shape[2]
        return made

    @staticmethod
    def _grown(buffer: torch.Tensor, capacity: int) -> torch.Tensor:
        grown = buffer.new_zeros(*buffer.shape[:2], capacity, buffer.shape[3])
        grown[:, :, : buffer.shape[2]] = buffer
        return grown
