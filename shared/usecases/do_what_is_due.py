"""Applies what is due on accounts without calls, as the next operation of the account would.

Who is called does it with the next operation. An account that leaked holds and was left would keep them open for ever:
here it is found by those holds, and then all that is due of it is done, refills and expiries too. An account without
such holds is not looked for: what it lacks is at most two entries for each of its grants, however long nobody calls,
and they come with the next operation.

Going to an account twice does no harm: the second time nothing is due. So the listing may trail, runs may overlap, and
a run that ended in the middle is gone on with, or begun again.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from shared.ledger.accounts import Account
from shared.ports.due import AccountBehind, DueAccounts
from shared.ports.ledger import Ledger

ACCOUNTS_AT_ONCE: Final = 8
BEHIND_MS: Final = 3_600_000
"""An account that could not be done although a hold has been over for longer than this stays behind."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Accounts are gone to once a hold has been over for `grace_ms`: who is called anyway needs nobody else.

    `now_ms` is asked anew for every account, for a run takes minutes. `is_time_up` is asked before each.
    """

    grace_ms: int
    correlation_id: str
    now_ms: Callable[[], int]
    is_time_up: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Failed:
    """An account that was not done, or not to the end, and why. Another run goes on with it."""

    account: Account
    stays_behind: bool
    cause: Exception

    @property
    def problem(self) -> str:
        return f"{type(self.cause).__name__}: {self.cause}"


@dataclass(slots=True)
class Run:
    """What a run did. `next` continues it, None at the end; `entries` were written for `accounts`."""

    next: str | None
    accounts: int = 0
    entries: int = 0
    failed: tuple[Failed, ...] = ()

    @property
    def behind(self) -> int:
        return sum(each.stays_behind for each in self.failed)


_Outcome = int | Failed | None
"""Of one account: the entries that were written, or why not; None where it was not begun."""


def do_what_is_due(after: str | None, accounts: DueAccounts, ledger: Ledger, plan: Plan) -> Run:
    """All accounts that are behind from `after` on (None: from the first), several at once, as far as time allows.

    One that fails does not keep the others from being done. The first of a run is begun in any case.
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
    """False where the run ends on this page: the next one begins with the first account that was not begun."""
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
