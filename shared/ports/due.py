"""Port of the background run that applies what is due: lists the accounts."""

from typing import Protocol

from shared.ledger.accounts import Account
from shared.ledger.frozen import dataclass


@dataclass(frozen=True, slots=True)
class AccountBehind:
    """An account with expired holds that are still open, the first of them since `since_ms`.

    `cursor` continues the listing after it.
    """

    account: Account
    since_ms: int
    cursor: str


@dataclass(frozen=True, slots=True)
class AccountsBehind:
    """A page of the listing, which can be empty before its end. `next` continues it, None at the end."""

    items: tuple[AccountBehind, ...]
    next: str | None


class DueAccounts(Protocol):
    """The expired open holds of all accounts."""

    def behind(self, before_ms: int, after: str | None) -> AccountsBehind:
        """Accounts with holds that expired by `before_ms`, in any order. The listing may be slightly behind the newest
        writes.

        An account with many holds can appear again on the next page.
        """
        ...
