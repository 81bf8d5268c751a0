"""The reconciler: checks that the stored items add up and match the audit table.

Accounts are in use while they are read, so the order of the reads matters. The usage sums and the audit rows come
first: whatever they contain was in the ledger before. Then STATE, the entries, the companion items, and STATE again. If
STATE has changed meanwhile, the entries up to the first reading are compared with that reading, and only an entry
beyond the second reading is one too many. A finding counts only if a second look confirms it. The counterpart of an
entry is looked up at the parent or the member.

Accounts are listed by their rows in any table, then by the last signed digest: it names accounts whose rows have all
vanished. For every account the entry whose hash the digest has must be in the ledger.

The ledger is never written to. A missing audit row is written again from the ledger if the request asks for it and the
ledger's own record of the account is intact; an existing row is never changed.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final, TypeVar

from shared.ledger.accounts import Account, Begun
from shared.ledger.entries import Entry
from shared.ledger.events import entry_event
from shared.ledger.frozen import dataclass
from shared.ledger.kinds import KINDS
from shared.ledger.usage import is_counted, miscounted
from shared.ports.inspection import DigestStore, Item, LedgerInspection, Row, StoredState, StoredUsage
from shared.ports.ledger import AuditTrail
from shared.usecases.board_sums import GRACE_MS, BoardSums
from shared.usecases.digest_heads import DigestHeads
from shared.verification.accounts import (
    NOT_AN_OPERATION,
    Finding,
    Place,
    compare_audit,
    compare_halves,
    drift_microcents,
    other_halves,
    verify_account,
)
from shared.verification.companions import CompanionItem, compare_companions, of_any_entry, of_entries, with_policy
from shared.verification.digest import Head, digest_from_text
from shared.verification.errors import HeadsNotFound

FINDINGS_MAX: Final = 1000
"""Per run: it ends there, and the next one continues. An account is never split."""

_IN_DIGEST: Final = "digest/"
"""The prefix of a cursor in the digest: its number and chunk follow."""
_DERIVED: Final = frozenset({"audit", "usage"})
WAITING_MAX: Final = 3
"""Of each place: whoever asks can see by them whether anything arrives there."""
_ROWS_BETWEEN_LOOKS: Final = 256

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class ReconcileTerms:
    """An entry younger than `grace_ms` without an audit row is late, not missing. `repair` writes missing rows.

    `is_time_up` is asked between accounts, and between some rows of one.
    """

    now_ms: int
    grace_ms: int
    repair: bool
    is_time_up: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry that has not reached a place yet, and what `place` would have of it."""

    account: Account
    place: Place
    seq: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class AccountReport:
    """`missing` are entries without an audit row; of these, `repaired` are the entries whose row was written again.

    `late` entries are not in the audit table yet, `uncounted` entries not in the usage sums. `waiting` is the oldest of
    both.
    """

    entries: int
    audited: int
    late: int
    uncounted: int
    waiting: tuple[Waiting, ...]
    drift_microcents: int
    missing: tuple[Entry, ...]
    repaired: tuple[Entry, ...]
    findings: tuple[Finding, ...]


@dataclasses.dataclass(slots=True)  # noqa: TID251 - grows as accounts are visited
class Run:
    """The result of a run. `next` continues it, None at the end. `unverified` are too large for the time of one run."""

    next: str | None
    accounts: int = 0
    entries: int = 0
    audited: int = 0
    late: int = 0
    uncounted: int = 0
    drift_microcents: int = 0
    repaired: int = 0
    findings: tuple[Finding, ...] = ()
    unverified: tuple[Account, ...] = ()
    waiting: tuple[Waiting, ...] = ()

    @property
    def is_full(self) -> bool:
        return len(self.findings) >= FINDINGS_MAX

    def add(self, report: AccountReport) -> None:
        self.accounts += 1
        self.entries += report.entries
        self.audited += report.audited
        self.late += report.late
        self.uncounted += report.uncounted
        self.waiting = _oldest(self.waiting + report.waiting)
        self.drift_microcents += report.drift_microcents
        self.repaired += len(report.repaired)
        self.findings += report.findings


@dataclass(frozen=True, slots=True)
class _Look:
    """One reading of an account, its parts in the order in which they were read."""

    usage: StoredUsage | None
    audited: list[Row]
    before: StoredState
    rows: list[Row]
    entries: list[Entry]
    items: list[Item]
    after: StoredState

    @property
    def settled(self) -> list[Entry]:
        """The entries that the first reading of STATE covers: all, unless it changed while they were read."""
        if self.before == self.after:
            return self.entries
        return [entry for entry in self.entries if entry.seq <= _seq(self.before)]

    def expected_beside(self, account: Account) -> dict[str, CompanionItem]:
        """The companion items that the entries lead to.

        Without companion items there is no need to replay the entries.
        """
        begun = of_any_entry(self.settled)
        is_item_kept = any(not isinstance(item.kept, Begun) for item in self.items)
        is_any_kept = is_item_kept or any(KINDS[entry.kind].companion is not None for entry in self.settled)
        return begun | of_entries(account, self.settled) if is_any_kept else begun


class OutOfTime(Exception):
    """The run's time was up before the account was read completely."""


class LastDigest:
    """The heads of the newest digest; empty if there is none. `problems` are the errors of reading it."""

    def __init__(self, store: DigestStore) -> None:
        self._store = store
        self.problems: dict[str, None] = {}

    @cached_property
    def heads(self) -> DigestHeads | None:
        newest = self._store.newest()
        return DigestHeads(digest_from_text(newest.text), self._store) if newest else None

    def head(self, account: Account) -> Head | None:
        try:
            return self.heads.head(account) if self.heads else None
        except HeadsNotFound as lost:
            self._note(lost)
            return None

    def chunk(self, index: int) -> Sequence[Head]:
        """Empty after the last chunk."""
        try:
            return self.heads.chunk(index) if self.heads and index < len(self.heads.summary) else ()
        except HeadsNotFound as lost:
            self._note(lost)
            return ()

    @property
    def number(self) -> int:
        return self.heads.digest.number if self.heads else 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(Finding(Account("", ""), "digest", self.number, problem) for problem in self.problems)

    def _note(self, lost: HeadsNotFound) -> None:
        self.problems[f"cannot be compared with: {lost}"] = None


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources to compare."""

    books: LedgerInspection
    trail: AuditTrail
    digest: LastDigest
    boards: BoardSums | None = None


def reconcile_accounts(after: str | None, sources: Sources, policy: ReconcileTerms) -> Run:
    """Reconciles all accounts from `after` on (None: from the first), as far as time allows."""
    run = Run(after)
    if after is None or not after.startswith(_IN_DIGEST):
        _add_listed(run, sources, policy)
    if run.next is not None and run.next.startswith(_IN_DIGEST):
        _add_vanished(run, sources, policy)
    run.findings += sources.digest.findings
    return run


def reconcile_one(account: Account, sources: Sources, policy: ReconcileTerms) -> Run:
    run = Run(None)
    _is_added(run, account, sources, policy)
    run.findings += sources.digest.findings
    return run


def reconcile_account(account: Account, sources: Sources, policy: ReconcileTerms) -> AccountReport:
    """Raises OutOfTime."""
    report = _examine(account, sources, policy)
    if report.findings:
        report = _confirmed(report, _examine(account, sources, policy))
    return _repaired(report, sources.trail) if policy.repair else report


def _add_listed(run: Run, sources: Sources, policy: ReconcileTerms) -> None:
    """Accounts with a row in a table. Afterwards `run.next` is in the digest, or where the time was up."""
    while True:
        places = sources.books.accounts(run.next)
        for place in places.items:
            if not _is_added(run, place.account, sources, policy):
                return
            run.next = place.cursor
        run.findings += tuple(_stranger(name) for name in places.strangers)
        run.next = places.next or f"{_IN_DIGEST}{sources.digest.number}/0"
        if places.next is None or policy.is_time_up() or run.is_full:
            return


def _add_vanished(run: Run, sources: Sources, policy: ReconcileTerms) -> None:
    """Accounts in the digest without a row in any table, chunk by chunk."""
    number, _, chunk = str(run.next).removeprefix(_IN_DIGEST).partition("/")
    index = int(chunk) if int(number) == sources.digest.number else 0
    while heads := sources.digest.chunk(index):
        for head in heads:
            if not sources.books.has_rows(head.account):
                problem = f"is in digest {sources.digest.number}, but no table has a row of the account"
                run.findings += (Finding(head.account, "digest", head.seq, problem),)
        index += 1
        run.next = f"{_IN_DIGEST}{sources.digest.number}/{index}"
        if policy.is_time_up() or run.is_full:
            return
    run.next = None


def _is_added(run: Run, account: Account, sources: Sources, policy: ReconcileTerms) -> bool:
    """False if the run ends before this account; the next run begins with it."""
    is_first = not run.accounts and not run.unverified
    if not is_first and (policy.is_time_up() or run.is_full):
        return False
    try:
        run.add(reconcile_account(account, sources, policy))
    except OutOfTime:
        if is_first:
            run.unverified = (account,)
        return is_first
    return True


def _examine(account: Account, sources: Sources, policy: ReconcileTerms) -> AccountReport:
    books = sources.books
    look = _look(account, books, policy)
    comparison = compare_audit(account, look.entries, _entries_of(look.audited))
    missing = tuple(entry for entry in comparison.missing if policy.now_ms - entry.at_ms >= policy.grace_ms)
    late = [entry for entry in comparison.missing if entry not in missing]
    late_seqs = {entry.seq for entry in late}
    uncounted = _uncounted(look)
    beside = look.expected_beside(account)
    stored = look.before.state and with_policy(look.before.state, beside)
    wrong = verify_account(account, look.settled, stored)
    drift = drift_microcents(account, look.settled, stored) if wrong else 0
    return AccountReport(
        entries=len(look.rows),
        audited=len(look.audited),
        late=len(late),
        uncounted=len(uncounted),
        waiting=_oldest([*_waiting(account, "audit", late), *_waiting(account, "usage", uncounted)], of_each=1),
        drift_microcents=drift + len(missing),
        missing=missing,
        repaired=(),
        findings=(
            *_state_findings(account, look.before),
            *_row_findings(account, "ledger", look.rows),
            *_entries_too_many(account, look),
            *wrong,
            *_digest_findings(account, look, sources.digest),
            *_beside_findings(account, look, beside),
            *_readable(account, _half_findings(look, books, policy)),
            *_readable(account, _usage_findings(account, look)),
            *_board_findings(account, look, sources.boards, policy),
            *_row_findings(account, "audit", look.audited),
            *(found for found in comparison.findings if found.seq not in late_seqs),
        ),
    )


def _uncounted(look: _Look) -> list[Entry]:
    """Those that are to be counted and come after the last that was."""
    through = look.usage.stored.through if look.usage else 0
    return [entry for entry in look.entries if entry.seq > through and is_counted(entry)]


def _waiting(account: Account, place: Place, entries: Iterable[Entry]) -> Iterator[Waiting]:
    return (Waiting(account, place, entry.seq, entry.at_ms) for entry in entries)


def _oldest(waiting: Iterable[Waiting], of_each: int = WAITING_MAX) -> tuple[Waiting, ...]:
    by_place: dict[Place, list[Waiting]] = {}
    for each in sorted(waiting, key=lambda one: one.at_ms):
        by_place.setdefault(each.place, []).append(each)
    return tuple(each for place in sorted(by_place) for each in by_place[place][:of_each])


def _look(account: Account, books: LedgerInspection, policy: ReconcileTerms) -> _Look:
    usage = books.usage(account)
    audited = list(_in_time(books.audited(account), policy))
    before = books.state(account)
    rows = list(_in_time(books.entries(account), policy))
    items = list(_in_time(books.beside(account), policy))
    return _Look(usage, audited, before, rows, _in_order(rows), items, books.state(account))


def _confirmed(first: AccountReport, second: AccountReport) -> AccountReport:
    still_found = set(first.findings)
    drift = second.drift_microcents if first.drift_microcents else 0
    missing = tuple(entry for entry in second.missing if entry in first.missing)
    findings = tuple(found for found in second.findings if found in still_found)
    return replace(second, findings=findings, missing=missing, drift_microcents=drift if findings else 0)


def _repaired(report: AccountReport, trail: AuditTrail) -> AccountReport:
    """Writes missing audit rows, unless the ledger itself has findings: those are evidence and must not be copied."""
    if any(found.place not in _DERIVED for found in report.findings):
        return report
    repaired = tuple(entry for entry in report.missing if trail.keep_entry(entry, _event_id(entry)) != "differs")
    seqs = {entry.seq for entry in repaired}
    return replace(
        report,
        repaired=repaired,
        missing=tuple(entry for entry in report.missing if entry.seq not in seqs),
        drift_microcents=report.drift_microcents - len(repaired),
        findings=tuple(found for found in report.findings if found.seq not in seqs),
    )


def _event_id(entry: Entry) -> str:
    event_id: str = entry_event(entry).detail["event_id"]
    return event_id


def _in_time(rows: Iterable[_Read], policy: ReconcileTerms) -> Iterator[_Read]:
    for number, row in enumerate(rows, start=1):
        if number % _ROWS_BETWEEN_LOOKS == 0 and policy.is_time_up():
            raise OutOfTime
        yield row


def _in_order(rows: Iterable[Row]) -> list[Entry]:
    return sorted(_entries_of(rows), key=lambda entry: entry.seq)


def _entries_of(rows: Iterable[Row]) -> Iterator[Entry]:
    return (row.entry for row in rows if row.entry is not None)


def _state_findings(account: Account, stored: StoredState) -> list[Finding]:
    return [] if stored.is_as_written else [Finding(account, "state", None, "is not a state that the ledger writes")]


def _row_findings(account: Account, where: Place, rows: Iterable[Row]) -> Iterator[Finding]:
    for row in rows:
        if row.entry is None:
            yield Finding(account, where, None, f"{row.name} contains no entry")
        elif not row.is_as_written:
            yield Finding(account, where, row.entry.seq, f"{row.name} is not stored as the ledger writes it")


def _beside_findings(account: Account, look: _Look, expected: Mapping[str, CompanionItem]) -> Iterator[Finding]:
    for item in look.items:
        if item.kept is None:
            yield Finding(account, "state", None, f"{item.name} is not an item of the ledger")
        elif not item.is_as_written:
            yield Finding(account, "state", item.kept.seq, f"{item.name} is not stored as the ledger writes it")
    stored = [item.kept for item in look.items if item.kept is not None]
    settled_seq = max((entry.seq for entry in look.settled), default=0)
    yield from compare_companions(account, expected, stored, settled_seq, max(settled_seq, _seq(look.after)))


def _readable(account: Account, findings: Iterable[Finding]) -> Iterator[Finding]:
    """An unreadable entry must not stop the verification of the next accounts."""
    try:
        yield from findings
    except NOT_AN_OPERATION:
        yield Finding(account, "ledger", None, "has an entry that cannot be read")


def _digest_findings(account: Account, look: _Look, digest: LastDigest) -> Iterator[Finding]:
    """What was signed must still exist: the hash of that entry covers all entries before it."""
    head = digest.head(account)
    if head is None or any((entry.seq, entry.hash) == (head.seq, head.hash) for entry in look.entries):
        return
    is_there = any(entry.seq == head.seq for entry in look.entries)
    problem = "differs from the entry in digest {}" if is_there else "is in digest {} but not in the ledger"
    yield Finding(account, "digest", head.seq, problem.format(digest.number))


def _usage_findings(account: Account, look: _Look) -> Iterator[Finding]:
    if look.usage is None:
        return
    for name in look.usage.strangers:
        yield Finding(account, "usage", None, f"{name} is not a sum")
    through = look.usage.stored.through
    if through > max((entry.seq for entry in look.entries), default=0):
        yield Finding(account, "usage", through, "is ahead of the ledger")
    for slot in miscounted(look.entries, look.usage.stored):
        of_what = slot.day if slot.grouping == "day" else f"{slot.grouping} {slot.name} on {slot.day}"
        yield Finding(account, "usage", None, f"of {of_what} does not match the entries")


def _board_findings(
    account: Account, look: _Look, boards: BoardSums | None, policy: ReconcileTerms
) -> Iterator[Finding]:
    """Of an account that spends at this moment the boards are behind."""
    if boards is None or look.usage is None:
        return
    newest_ms = max((entry.at_ms for entry in look.entries if is_counted(entry)), default=0)
    if policy.now_ms - newest_ms >= max(policy.grace_ms, GRACE_MS):
        for problem in boards.problems(account, look.usage.stored.sums):
            yield Finding(account, "usage", None, problem)


def _half_findings(look: _Look, books: LedgerInspection, policy: ReconcileTerms) -> Iterator[Finding]:
    """An entry of a member and its counterpart were written together: each must have the other."""
    halves = ((entry, half) for entry in look.settled for half in other_halves(entry))
    for entry, half in _in_time(halves, policy):
        yield from compare_halves(entry, half, books.entry(half.account, half.key))


def _entries_too_many(account: Account, look: _Look) -> Iterator[Finding]:
    newest_seq = _seq(look.after)
    for entry in look.entries:
        if entry.seq > newest_seq:
            yield Finding(account, "ledger", entry.seq, "is ahead of the state")


def _seq(stored: StoredState) -> int:
    return stored.state.seq if stored.state else 0


def _stranger(name: str) -> Finding:
    return Finding(Account("", name), "state", None, "belongs to no account")
