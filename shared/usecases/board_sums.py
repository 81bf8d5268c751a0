"""Compares what an account has spent with what the boards of its tenant say of it, month by month."""

from collections.abc import Iterator, Mapping
from typing import Final

from shared.ledger.accounts import Account
from shared.ledger.boards import Lines, lines_of_text, spent_in, sums_in, totals_of_text
from shared.ledger.usage import Slot, Sums
from shared.ports.boards import BoardStore, PartGone
from shared.usecases.merge_boards import ACTORS_PART, TOTALS_PART, months_of

GRACE_MS: Final = 900_000
"""Boards may be that far behind the accounts: nothing is said of an account that spent since."""
_MONTH: Final = len("2026-01")


class BoardSums:
    """Reads the actors of a month once, and again where an account differs from them."""

    def __init__(self, store: BoardStore) -> None:
        self._store = store
        self._months: dict[tuple[str, str], Lines | None] = {}
        self._tenants: dict[str, frozenset[str]] = {}

    def problems(self, account: Account, sums: Mapping[Slot, Sums]) -> Iterator[str]:
        """In words. Of months that have no boards yet there are none. A board may know an account that has no sums."""
        of_account = _by_month(sums)
        for month in sorted(of_account.keys() | self._months_of(account.tenant)):
            spent = of_account.get(month, Sums())
            if not self._is_so(account, month, spent):
                self._months.pop((account.tenant, month), None)
                if not self._is_so(account, month, spent):
                    yield f"of {month} does not match the sums of the tenant"

    def _months_of(self, tenant: str) -> frozenset[str]:
        """Those with boards."""
        if tenant not in self._tenants:
            self._tenants[tenant] = frozenset(months_of(tenant, self._store))
        return self._tenants[tenant]

    def _is_so(self, account: Account, month: str, spent: Sums) -> bool:
        key = account.tenant, month
        if key not in self._months:
            self._months[key] = self._actors(*key)
        actors = self._months[key]
        return actors is None or (spent_in(actors[account.actor]) if account.actor in actors else Sums()) == spent

    def _actors(self, tenant: str, month: str) -> Lines | None:
        """None if there are no boards; none at all if they do not add up, or a text is gone."""
        boards = self._store.pointers(tenant, month, month)
        if not boards:
            return None
        found: Lines = {}
        for place, pointer in boards:
            try:
                names = [pointer.names[part] for part in (ACTORS_PART, TOTALS_PART)]
                actors, totals = self._store.texts([(place, name) for name in names])
            except (PartGone, KeyError):
                return {}
            lines = lines_of_text(actors)
            of_days = sum(sums_in(totals_of_text(totals), "day", lambda _: True).values(), Sums())
            if sum(map(spent_in, lines.values()), Sums()) != of_days:
                return {}
            found |= lines
        return found


def _by_month(sums: Mapping[Slot, Sums]) -> dict[str, Sums]:
    found: dict[str, Sums] = {}
    for slot, each in sums.items():
        if slot.grouping == "day":
            month = slot.day[:_MONTH]
            found[month] = found.get(month, Sums()) + each
    return found
