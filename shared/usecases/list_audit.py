"""Lists the audit rows of an account, newest first, and verifies that they are an intact part of its history.

Copies arrive late and in any order, so a missing row may be on its way. An existing row that is wrong was altered. The
ledger's own entry tells whether a missing row is late or was removed: it is late if the entry is younger than the
reconciler's grace.

The account's state is read before the rows, so all entries that it counts are in the ledger by then. A concurrent
writer therefore cannot make a row seem missing. A row that is ahead of the state makes the state be read again.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from shared.ledger.accounts import GENESIS_HASH, Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.frozen import dataclass
from shared.ledger.records import hash_of
from shared.ports.ledger import AuditTrail, EntryFilter, Ledger, Page
from shared.usecases.read_account import known_state

Verified: TypeAlias = bool | Literal["pending"]

_ENTRIES_LOOKED_AT: Final = 100
"""From the first missing row on. All other missing rows are younger."""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """`verified` is True if no row on the page, or between it and the next page, is missing, altered or out of place.

    It is "pending" if all visible rows are correct and some copies are still on their way; `verified_through` is the
    seq up to which it is True. It is False if a row was altered, or is missing for longer than the grace; then there is
    no `verified_through`.
    """

    page: Page[Entry]
    verified: Verified
    verified_through: int | None


@dataclass(frozen=True, slots=True)
class Grace:
    """A copy of an entry younger than `grace_ms` at `now_ms` is late, not missing."""

    now_ms: int
    grace_ms: int

    def is_over(self, entry: Entry) -> bool:
        return self.now_ms - entry.at_ms >= self.grace_ms


def list_audit(
    account: Account, limit: int, before_seq: int | None, trail: AuditTrail, ledger: Ledger, grace: Grace
) -> AuditPage:
    """Raises AccountNotFound for an actor without entries."""
    state = ledger.state(account)
    # One row more than the page shows, since the page must link to it.
    found = trail.page(account, limit + 1, before_seq)
    if state is None and found.is_whole and not found.items:
        state = known_state(account, ledger)
    shown, beyond = found.items[:limit], found.items[limit:]
    page = Page(shown, shown[-1].seq if beyond else found.next_before_seq)
    if not (found.is_whole and _are_as_recorded(account, shown) and _is_up_to(state, found.items, account, ledger)):
        return AuditPage(page, verified=False, verified_through=None)
    newest_seq = max(state.seq if state else 0, found.items[0].seq if found.items else 0)
    top_seq = newest_seq if before_seq is None else min(before_seq - 1, newest_seq)
    stretch = _Stretch(account, found.items, beyond[0].seq if beyond else 0, top_seq)
    return AuditPage(page, *_judged(stretch, ledger, grace))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The existing rows above `bottom_seq` up to `top_seq`, newest first."""

    account: Account
    rows: tuple[Entry, ...]
    bottom_seq: int
    top_seq: int

    @property
    def first_missing_seq(self) -> int | None:
        """The lowest seq without a row."""
        expected_seq = self.bottom_seq + 1
        for row in reversed(self.rows):
            if row.seq > expected_seq:
                break
            expected_seq = row.seq + 1
        return expected_seq if expected_seq <= self.top_seq else None


def _judged(stretch: _Stretch, ledger: Ledger, grace: Grace) -> tuple[Verified, int | None]:
    """Whether the rows are complete and correct, and the seq up to which they are."""
    missing_seq = stretch.first_missing_seq
    if missing_seq is None:
        return (True, stretch.top_seq) if _is_chain(stretch.rows) else (False, None)
    recorded = _recorded_from(missing_seq, stretch, ledger)
    is_altered = not (_are_as_recorded(stretch.account, recorded) and _is_chain([*stretch.rows, *recorded]))
    if is_altered or _is_lost(missing_seq, [*stretch.rows, *recorded], grace):
        return False, None
    return "pending", missing_seq - 1


def _recorded_from(seq: int, stretch: _Stretch, ledger: Ledger) -> list[Entry]:
    """The ledger's own entries, from the first one without a row."""
    size = min(stretch.top_seq - seq + 1, _ENTRIES_LOOKED_AT)
    listed = ledger.entries(stretch.account, EntryFilter(size, before_seq=seq + size)).items
    return [entry for entry in listed if entry.seq >= seq]


def _is_lost(missing_seq: int, known: Iterable[Entry], grace: Grace) -> bool:
    """Whether the entry without a row is too old for its copy to be on its way.

    The listing of entries may be behind the ledger. An entry that it lacks is not younger than the entry after it.
    """
    since = min((each for each in known if each.seq >= missing_seq), key=lambda each: each.seq, default=None)
    return since is not None and grace.is_over(since)


def _are_as_recorded(account: Account, entries: Iterable[Entry]) -> bool:
    return all(entry.account == account and entry.hash == hash_of(entry) for entry in entries)


def _is_up_to(state: AccountState | None, rows: Sequence[Entry], account: Account, ledger: Ledger) -> bool:
    """Whether the state counts the newest row, and has its hash if both have the same seq."""
    if not rows:
        return True
    newest = rows[0]
    if state is None or state.seq < newest.seq:
        # The row was written since the state was read, or it is in no ledger.
        state = ledger.state(account)
    if state is None or state.seq < newest.seq:
        return False
    return state.seq > newest.seq or state.head_hash == newest.hash


def _is_chain(entries: Iterable[Entry]) -> bool:
    """Whether rows with the same seq are equal, and each row links to the one before it, if that exists."""
    in_order = sorted(entries, key=lambda entry: entry.seq)
    if in_order and in_order[0].seq == 1 and in_order[0].prev_hash != GENESIS_HASH:
        return False
    return all(_is_linked(before, after) for before, after in pairwise(in_order))


def _is_linked(before: Entry, after: Entry) -> bool:
    if after.seq == before.seq:
        return after.hash == before.hash
    return after.seq > before.seq + 1 or after.prev_hash == before.hash
