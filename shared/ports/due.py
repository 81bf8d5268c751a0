"""Port of who does what is due in the background: the accounts to go to."""

from dataclasses import dataclass
from typing import Protocol

from shared.ledger.accounts import Account


@dataclass(frozen=True, slots=True)
class AccountBehind:
    """An account with holds that are over and still open, the first of them since `since_ms`.

    `cursor` continues the listing after it.
    """

    account: Account
    since_ms: int
    cursor: str


@dataclass(frozen=True, slots=True)
class AccountsBehind:
    """A page, which may be empty in the middle of the listing. `next` continues it, None at its end."""

    items: tuple[AccountBehind, ...]
    next: str | None


class DueAccounts(Protocol):
    """The open holds of all accounts, as far as they tell who has not been called for long."""

    def behind(self, before_ms: int, after: str | None) -> AccountsBehind:
        """Accounts with holds that were over by `before_ms`, in any order; may trail the newest writes by a moment.

        An account of many holds can come again on the next page.
        """
        ...
