"""Ports of the list of accounts."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.ledger.accounts import Account, AccountState
from shared.ledger.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """Names of actors in the order of their bytes. `next_after` continues after them, None at the end of the list."""

    actors: tuple[str, ...]
    next_after: str | None


class AccountList(Protocol):
    """The accounts of every tenant."""

    def names(self, tenant: str, prefix: str, after: str | None, limit: int) -> Names:
        """At most `limit` names that begin with `prefix` and come after `after`.

        There may be fewer although others follow. The list may be slightly behind the newest accounts.
        """
        ...

    def states(self, accounts: Sequence[Account]) -> Mapping[Account, AccountState]:
        """The states with their policies, without accounts that have none. Strong reads."""
        ...


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Accounts that may be missing from the list, of `looked_at` accounts. `next` continues, None at the end."""

    accounts: tuple[Account, ...]
    looked_at: int
    next: str | None


class UnlistedAccounts(Protocol):
    """The accounts that older releases made and did not list."""

    def page(self, after: str | None) -> Unlisted:
        """A part of the whole ledger, in any order."""
        ...

    def list_account(self, account: Account) -> bool:
        """Marks that the account has begun and is listed. False if it was listed already."""
        ...
