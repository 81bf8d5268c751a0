"""Applies what is due on accounts without calls, as the next operation of the account would.

An account in use applies its due items with its next operation. An account that leaked holds and is no longer used
would keep them open for ever. This run finds such an account by its holds, and applies all its due items, including
refills and expiries of grants. It does not look for accounts without such holds: they lack at most two entries for each
of their grants, and the next operation writes those.

Visiting an account twice does no harm: the second time nothing is due. So the listing may be behind, runs may overlap,
and an interrupted run can be continued or started again.
"""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from shared.ledger.accounts import Account
from shared.ledger.frozen import dataclass
from shared.ports.due import AccountBehind, DueAccounts
from shared.ports.ledger import Ledger

ACCOUNTS_AT_ONCE: Final = 8
BEHIND_MS: Final = 3_600_000
"""A failed account with a hold that expired longer ago than this counts as behind."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Accounts are visited once a hold has been expired for `grace_ms`: accounts in use apply it themselves.

    `now_ms` is read again for every account, since a run takes minutes. `is_time_up` is asked before each.
    """

    grace_ms: int
    correlation_id: str
    now_ms: Callable[[], int]
    is_time_up: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Failed:
    """An account that was not finished, and why. A later run tries again."""

    account: Account
    stays_behind: bool
    cause: Exception

    @property
    def problem(self) -> str:
        return f"{type(self.cause).__name__}: {self.cause}"


@dataclasses.dataclass(slots=True)  # noqa: TID251 - grows as accounts are visited
class Run:
    """The result of a run. `next` continues it, None at the end; `entries` were written for `accounts`."""

    next: str | None
    accounts: int = 0
    entries: int = 0
    failed: tuple[Failed, ...] = ()

    @property
    def behind(self) -> int:
        return sum(each.stays_behind for each in self.failed)


_Outcome = int | Failed | None
"""For one account: the number of entries written, or the failure; None if it was not begun."""


def do_what_is_due(after: str | None, accounts: DueAccounts, ledger: Ledger, plan: Plan) -> Run:
    """Visits all accounts behind from `after` on (None: from the first), several in parallel, as far as time allows.

    A failed account does not stop the others. The first account of a run is always begun.
    """
    run, before_ms = Run(after), plan.now_ms() - plan.grace_ms
    is_first = True
    with ThreadPoolExecutor(ACCOUNTS_AT_ONCE) as threads:
        while True:
            page = accounts.behind(before_ms, run.next)
            must_begin = page.items[0] if is_first and page.items else None
            outcomes = list(threads.map(lambda each: _done(each, each is must_begin, ledger, plan), page.items))  # noqa: B023
            if not _is_added(run, page.items, outcomes):
                return run
            run.next = page.next
            is_first = is_first and not page.items
            if run.next is None or plan.is_time_up():
                return run


def _is_added(run: Run, items: Sequence[AccountBehind], outcomes: Sequence[_Outcome]) -> bool:
    """False if the run ends on this page: the next run begins with the first account that was not begun."""
    is_whole = True
    for item, outcome in zip(items, outcomes, strict=True):
        if outcome is None:
            is_whole = False
        elif isinstance(outcome, Failed):
            run.failed += (outcome,)
        else:
            run.accounts += 1
            run.entries += outcome
        if is_whole:
            run.next = item.cursor
    return is_whole


def _done(behind: AccountBehind, must_begin: bool, ledger: Ledger, plan: Plan) -> _Outcome:
    if not must_begin and plan.is_time_up():
        return None
    now_ms = plan.now_ms()
    try:
        return ledger.do_what_is_due(behind.account, plan.correlation_id, now_ms)
    except Exception as failure:  # noqa: BLE001 - whatever is the matter with one account is not the others'
        return Failed(behind.account, now_ms - behind.since_ms > BEHIND_MS, failure)
