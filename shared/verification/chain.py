"""The hash chain: shows that no entry is missing, altered or out of place."""

from collections.abc import Iterable

from shared.ledger.accounts import GENESIS_HASH
from shared.ledger.entries import Entry
from shared.ledger.frozen import dataclass
from shared.ledger.records import hash_of


@dataclass(frozen=True, slots=True)
class Break:
    """A break in the history of an account."""

    seq: int
    problem: str


def breaks(entries: Iterable[Entry], *, after_seq: int = 0, after_hash: str = GENESIS_HASH) -> list[Break]:
    """All faults in entries that should follow, in order of seq, the one with `after_seq` and `after_hash`."""
    found: list[Break] = []
    for entry in entries:
        if entry.seq != after_seq + 1:
            found.append(Break(entry.seq, f"follows {after_seq}"))
        elif entry.prev_hash != after_hash:
            found.append(Break(entry.seq, "does not link to the entry before it"))
        if entry.hash != hash_of(entry):
            found.append(Break(entry.seq, "differs from its hash"))
        after_seq, after_hash = entry.seq, entry.hash
    return found
