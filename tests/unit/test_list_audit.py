"""What the listing of audit rows says of them: true, false for what was altered, pending for what is on its way."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Final

import pytest

from in_memory.audit import MemoryAuditTrail
from in_memory.ledger import MemoryLedger
from shared.ledger.accounts import Account, AccountState
from shared.ledger.entries import Entry
from shared.ledger.errors import AccountNotFound
from shared.ledger.operations import Charge, GrantCredits
from shared.ledger.records import sealed
from shared.ports.ledger import EntryFilter, Page
from shared.usecases.list_audit import AuditPage, Grace, list_audit
from tests.builders import ALICE, SECOND_MS
from tests.ledger_driver import LedgerDriver

GRACE_MS: Final = 900 * SECOND_MS
BOB: Final = Account("main", "user:bob")
ENTRIES: Final = 9


class Trail(MemoryAuditTrail):
    """One whose rows can be got at."""

    def rows(self, account: Account = ALICE) -> dict[int, tuple[Entry, str]]:
        return self._entries.setdefault(account, {})

    def put(self, row: Entry, seq: int | None = None) -> None:
        self.rows()[row.seq if seq is None else seq] = (row, "event")

    def row(self, seq: int) -> Entry:
        return self.rows()[seq][0]


class Books:
    """Alice's account, and its copies as far as they have come."""

    def __init__(self, ledger: MemoryLedger | None = None) -> None:
        self.driver = LedgerDriver(ledger or MemoryLedger())
        self.trail = Trail()

    def write(self, charges: int = ENTRIES - 1) -> None:
        self.driver.send(GrantCredits(1_000_000))
        for _ in range(charges):
            self.charge()

    def charge(self) -> None:
        self.driver.now_ms += SECOND_MS
        self.driver.send(Charge(1))

    def copy(self, *seqs: int) -> None:
        for entry in self.driver.entries():
            if not seqs or entry.seq in seqs:
                self.trail.keep_entry(entry, "event")

    def read(self, limit: int = 100, before_seq: int | None = None) -> AuditPage:
        grace = Grace(self.driver.now_ms, GRACE_MS)
        return list_audit(ALICE, limit, before_seq, self.trail, self.driver.ledger, grace)

    def verdicts(self, limit: int = 100) -> Sequence[object]:
        """Of all pages."""
        before_seq: int | None = None
        found: list[object] = []
        while True:
            page = self.read(limit, before_seq)
            found.append(page.verified)
            before_seq = page.page.next_before_seq
            if before_seq is None:
                return found


@pytest.fixture
def books() -> Books:
    """Nine entries, all of them copied, older than the grace."""
    books = Books()
    books.write()
    books.copy()
    books.driver.now_ms += GRACE_MS
    return books


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_rows_that_are_whole_are_verified_on_every_page(books: Books, limit: int) -> None:
    assert set(books.verdicts(limit)) == {True}
    assert books.read(limit).verified_through == ENTRIES


def test_a_page_is_verified_through_its_newest_row(books: Books) -> None:
    assert (books.read(2, before_seq=6).verified, books.read(2, before_seq=6).verified_through) == (True, 5)
    assert (books.read(2, before_seq=1).verified, books.read(2, before_seq=1).verified_through) == (True, 0)


def test_an_account_that_nothing_was_recorded_for_is_not_there() -> None:
    with pytest.raises(AccountNotFound):
        Books().read()


@pytest.mark.parametrize(
    ("copied", "through"),
    [
        ((), 0),
        ((1, 2, 3), 3),
        ((2, 3, 4, 5, 6, 7, 8, 9), 0),
        ((1, 2, 4, 5, 7, 8, 9), 2),
        ((1, 2, 3, 4, 5, 6, 7, 8), 8),
        ((9,), 0),
    ],
)
def test_while_copies_are_on_their_way_the_rows_below_the_first_gap_are_verified(
    copied: tuple[int, ...], through: int
) -> None:
    books = Books()
    books.write()
    if copied:
        books.copy(*copied)
    found = books.read()
    assert (found.verified, found.verified_through) == ("pending", through)
    assert set(books.verdicts(1)) <= {True, "pending"}
    books.copy()
    assert books.read().verified is True


@pytest.mark.parametrize("removed", range(1, ENTRIES + 1))
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_a_row_that_is_missing_for_longer_than_the_grace_makes_a_page_false(
    books: Books, removed: int, limit: int
) -> None:
    del books.trail.rows()[removed]
    assert False in books.verdicts(limit)


def test_the_grace_ends_to_the_millisecond() -> None:
    books = Books()
    books.write(charges=0)
    books.driver.now_ms += GRACE_MS - 1
    assert books.read().verified == "pending"
    books.driver.now_ms += 1
    assert books.read().verified is False


def test_all_rows_of_an_account_are_missing_for_longer_than_the_grace(books: Books) -> None:
    books.trail.rows().clear()
    assert books.read().verified is False
    assert books.read(before_seq=5).verified is False


def test_a_page_begins_where_the_one_before_it_ended(books: Books) -> None:
    del books.trail.rows()[5]
    assert books.read(2, before_seq=9).verified is True
    assert books.read(2, before_seq=8).verified is False
    assert books.read(2, before_seq=6).verified is False


def rehashed(row: Entry, **changes: object) -> Entry:
    return sealed(replace(row, **changes))  # type: ignore[arg-type]


def an_amount(books: Books) -> None:
    books.trail.put(replace(books.trail.row(5), amount=-2))


def an_amount_with_its_hash(books: Books) -> None:
    books.trail.put(rehashed(books.trail.row(5), amount=-2))


def the_first_row_with_its_hash(books: Books) -> None:
    books.trail.put(rehashed(books.trail.row(1), amount=5))


def the_newest_row_with_its_hash(books: Books) -> None:
    books.trail.put(rehashed(books.trail.row(ENTRIES), amount=-2))


def all_rows_from_one_on_with_their_hashes(books: Books) -> None:
    prev_hash = books.trail.row(4).hash
    for seq in range(5, ENTRIES + 1):
        changed = rehashed(books.trail.row(seq), amount=-2, prev_hash=prev_hash)
        books.trail.put(changed)
        prev_hash = changed.hash


def a_row_that_is_anothers(books: Books) -> None:
    for _ in range(ENTRIES):
        books.driver.send(GrantCredits(1), BOB)
    books.trail.put(books.driver.entries(BOB)[4])


def two_rows_change_places(books: Books) -> None:
    fifth, sixth = books.trail.row(5), books.trail.row(6)
    books.trail.put(sixth, seq=5)
    books.trail.put(fifth, seq=6)


def a_row_lies_in_the_place_of_another(books: Books) -> None:
    books.trail.put(books.trail.row(6), seq=5)
    del books.trail.rows()[6]


def a_row_that_no_ledger_has(books: Books) -> None:
    newest = books.trail.row(ENTRIES)
    books.trail.put(rehashed(newest, seq=ENTRIES + 1, prev_hash=newest.hash, at_ms=books.driver.now_ms))


def a_row_is_altered_and_the_next_one_removed(books: Books) -> None:
    an_amount_with_its_hash(books)
    del books.trail.rows()[6]


ALTERATIONS: Final[list[Callable[[Books], None]]] = [
    an_amount,
    an_amount_with_its_hash,
    the_first_row_with_its_hash,
    the_newest_row_with_its_hash,
    all_rows_from_one_on_with_their_hashes,
    a_row_that_is_anothers,
    two_rows_change_places,
    a_row_lies_in_the_place_of_another,
    a_row_that_no_ledger_has,
    a_row_is_altered_and_the_next_one_removed,
]


@pytest.mark.parametrize("alter", ALTERATIONS, ids=lambda alter: alter.__name__)
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("age_ms", [0, GRACE_MS])
def test_what_is_altered_is_false_at_once(alter: Callable[[Books], None], limit: int, age_ms: int) -> None:
    books = Books()
    books.write()
    books.copy()
    books.driver.now_ms += age_ms
    alter(books)
    assert False in books.verdicts(limit)


@pytest.mark.parametrize("alter", ALTERATIONS, ids=lambda alter: alter.__name__)
def test_what_is_altered_stays_false_while_copies_come(alter: Callable[[Books], None]) -> None:
    books = Books()
    books.write()
    books.copy()
    alter(books)
    for _ in range(5):
        books.charge()
        assert books.read().verified is False
        books.copy(books.driver.state().seq)
        assert books.read().verified is False


def test_rows_of_an_account_that_is_in_no_ledger_are_false(books: Books) -> None:
    trail = books.trail
    found = list_audit(ALICE, 100, None, trail, MemoryLedger(), Grace(books.driver.now_ms, GRACE_MS))
    assert (found.verified, len(found.page.items)) == (False, ENTRIES)


class Rewound(MemoryLedger):
    """Its state can be put back."""

    def rewind(self, state: AccountState) -> None:
        self._states[ALICE] = state


def test_a_state_that_was_put_back_makes_the_rows_beyond_it_false() -> None:
    books = Books(ledger := Rewound())
    books.write()
    before = books.driver.state()
    books.charge()
    books.copy()
    assert books.read().verified is True
    ledger.rewind(before)
    assert books.read().verified is False


class Trailing(MemoryLedger):
    """Its listing of entries does not show those of some seqs."""

    hidden: frozenset[int] = frozenset()

    def entries(self, account: Account, wanted: EntryFilter) -> Page[Entry]:
        page = super().entries(account, wanted)
        return replace(page, items=tuple(entry for entry in page.items if entry.seq not in self.hidden))


@pytest.mark.parametrize(("hidden", "age_ms", "verified"), [(9, 0, "pending"), (5, 0, "pending"), (5, GRACE_MS, False)])
def test_an_entry_that_is_not_listed_yet_is_as_old_as_the_one_after_it(
    hidden: int, age_ms: int, verified: object
) -> None:
    books = Books(ledger := Trailing())
    books.write()
    books.copy(*(seq for seq in range(1, ENTRIES + 1) if seq != hidden))
    ledger.hidden = frozenset({hidden})
    books.driver.now_ms += age_ms
    assert books.read().verified == verified


class Busy(MemoryLedger):
    """Others write between any two readings."""

    meanwhile: Callable[[], None] | None = None

    def state(self, account: Account) -> AccountState | None:
        state = super().state(account)
        self._others_write()
        return state

    def entries(self, account: Account, wanted: EntryFilter) -> Page[Entry]:
        self._others_write()
        return super().entries(account, wanted)

    def _others_write(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
            self.meanwhile = meanwhile


def test_what_is_written_and_copied_while_a_page_is_read_makes_nothing_pending() -> None:
    books = Books(ledger := Busy())
    books.write()
    books.copy()

    def meanwhile() -> None:
        books.charge()
        books.copy()

    ledger.meanwhile = meanwhile
    for limit in (1, 3, 100):
        assert set(books.verdicts(limit)) == {True}


@pytest.mark.parametrize("seed", range(5))
def test_of_200_readings_of_a_busy_account_whose_copies_come_in_any_order_none_is_false(seed: int) -> None:
    """A copy takes up to ten minutes; the account is read in the middle of everything, page by page."""
    random = Random(seed)
    books = Books()
    books.write(charges=20)
    on_their_way = list(range(1, 22))
    seen: list[object] = []
    while len(seen) < 200:
        for _ in range(random.randrange(4)):
            books.charge()
            on_their_way.append(books.driver.state().seq)
        random.shuffle(on_their_way)
        late = {
            entry.seq
            for entry in books.driver.entries()
            if books.driver.now_ms - entry.at_ms > GRACE_MS - SECOND_MS * 60
        }
        arriving = on_their_way[: random.randrange(5)] + [seq for seq in on_their_way if seq in late]
        on_their_way = [seq for seq in on_their_way if seq not in arriving]
        if arriving:
            books.copy(*arriving)
        books.driver.now_ms += random.randrange(20) * SECOND_MS
        before_seq = random.choice([None, None, random.randint(1, books.driver.state().seq)])
        found = books.read(random.choice([1, 5, 20, 100]), before_seq)
        seen.append(found.verified)
        if found.verified_through is not None:
            shown = {row.seq for row in found.page.items}
            lowest = min(shown, default=1)
            assert set(range(lowest, found.verified_through + 1)) <= shown
    assert (seen.count(False), "pending" in seen) == (0, True)
    books.copy()
    assert set(books.verdicts(7)) == {True}
