"""Reads the signed heads behind a digest, and checks each part against the digest's root."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from shared.ledger.accounts import Account
from shared.ports.inspection import DigestStore
from shared.verification.digest import Chunk, Digest, Head, chunk_of
from shared.verification.errors import HeadsNotFound
from shared.verification.regressions import is_chunk_of, is_summary_of

CHUNKS_IN_MEMORY: Final = 64
"""A quarter of a million heads, some 100 MB: the reconciler's order of accounts differs from the digest's."""


class DigestHeads:
    """Every method raises HeadsNotFound if the digest's heads are missing or altered."""

    def __init__(self, digest: Digest, store: DigestStore) -> None:
        self.digest = digest
        self._store = store
        self._read: OrderedDict[int, Mapping[Account, Head]] = OrderedDict()

    @cached_property
    def summary(self) -> Sequence[Chunk]:
        summary = self._store.summary(self.digest.root)
        if not is_summary_of(summary, self.digest.root):
            raise HeadsNotFound("its summary was altered")
        return summary

    def chunk(self, index: int) -> Sequence[Head]:
        heads = self._store.chunk(self.digest.root, index)
        if not is_chunk_of(heads, self.summary[index]):
            raise HeadsNotFound(f"its part {index} was altered")
        return heads

    def head(self, account: Account) -> Head | None:
        """None if the account had no entry when the digest was made."""
        index = chunk_of(account, self.summary)
        return None if index is None else self._in_memory(index).get(account)

    def __iter__(self) -> Iterator[Head]:
        """In digest order, with one chunk in memory at a time."""
        for index in range(len(self.summary)):
            yield from self.chunk(index)

    def _in_memory(self, index: int) -> Mapping[Account, Head]:
        if index not in self._read:
            self._read[index] = {head.account: head for head in self.chunk(index)}
            if len(self._read) > CHUNKS_IN_MEMORY:
                self._read.popitem(last=False)
        self._read.move_to_end(index)
        return self._read[index]
