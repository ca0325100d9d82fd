"""The private reference set: a capped sample of past queries with their true answers, hard to poison."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Codes
from wellhead.core.errors import ProfileError


class Reservoir(msgspec.Struct, frozen=True, kw_only=True):
    """A uniform sample of distinct queries in which no principal holds more than its share.

    capacity: rows at most.  share: of the capacity that one principal may hold, 0..1.
    keys: (m,) uniform draws: the rows with the largest stay, so the order of arrival does not matter
    (Efraimidis & Spirakis 2006, weight 1).  Many accounts of one hand still hold many shares.
    """

    capacity: int = 1000
    share: float = 0.02
    codes: Codes = np.zeros((0, 0), np.int8)
    truth: Array = np.zeros(0)
    owners: Array = np.zeros(0, np.str_)
    keys: Array = np.zeros(0)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def bound(self) -> int:
        """Rows that one principal may hold."""
        return max(1, int(self.share * self.capacity))

    def add(self, codes: Codes, truth: Array, principals: Sequence[str], rng: np.random.Generator) -> Reservoir:
        """The reservoir after these rows: codes (n, d), true labels or values (n,), who asked (n,)."""
        if not len(codes) == len(truth) == len(principals):
            raise ProfileError(f"expected as many truths and principals as codes, got {len(truth)} for {len(codes)}")
        keys = rng.random(len(codes))
        if len(self) == self.capacity:
            fresh = keys > self.keys.min()
            codes, truth, keys = codes[fresh], truth[fresh], keys[fresh]
            principals = np.asarray(principals, np.str_)[fresh]
        return self._with(codes, truth, np.asarray(principals, np.str_), keys) if len(codes) else self

    def _with(self, codes: Codes, truth: Array, owners: Array, keys: Array) -> Reservoir:
        if len(self):
            codes = np.concatenate([self.codes, codes])
            truth, keys = np.concatenate([self.truth, truth]), np.concatenate([self.keys, keys])
            owners = np.concatenate([self.owners, owners])
        kept = self._kept(codes, owners, keys)
        return msgspec.structs.replace(self, codes=codes[kept], truth=truth[kept], owners=owners[kept], keys=keys[kept])

    def _kept(self, codes: Codes, owners: Array, keys: Array) -> Array:
        """Rows to keep: distinct codes, at most `bound` an owner, at most `capacity`, largest keys first."""
        _, distinct = np.unique(codes, axis=0, return_index=True)
        order = distinct[np.argsort(-keys[distinct], kind="stable")]
        by_owner = order[np.argsort(owners[order], kind="stable")]
        _, starts, counts = np.unique(owners[by_owner], return_index=True, return_counts=True)
        rank = np.arange(len(by_owner)) - np.repeat(starts, counts)
        within = by_owner[rank < self.bound]
        return within[np.argsort(-keys[within], kind="stable")][: self.capacity]
