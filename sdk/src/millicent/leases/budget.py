"""`Budget`: a part of an account that is spent in this process's memory, and settled in the background."""

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from millicent.amounts import Amount, Dollars, exact_microcents, millicents
from millicent.client import Millicent, Usage
from millicent.errors import BudgetClosed, NotSettled, Unreachable
from millicent.keys import new_key
from millicent.leases.calls import Answer, Call, Failed, Line, perform, written
from millicent.leases.content import check_size, checked_content, checked_metadata
from millicent.leases.journal import Journal, Owner
from millicent.leases.lease import Lease, Reservation, spend_line
from millicent.leases.patience import Patience
from millicent.leases.state import LANES, Lane, error_of
from millicent.leases.terms import Terms, check_id, terms
from millicent.models import BatchResult

_LOG: Final = logging.getLogger("millicent.leases")
_POLLS_A_LIFE: Final = 20
_CALLS_A_LIFE: Final = 12
"""A call is given up for the time being after this part of a hold's life, so that no other comes too late."""
_NOTHING: Final = (None,) * 7
_CLOSED: Final = "the budget is closed"
_FORKED: Final = "this budget is that of the parent process: open one in this process, with a client of its own"


@dataclass(frozen=True, slots=True)
class BudgetStats:
    """What a budget has done so far. Amounts are millicents.

    `spends` were accepted, `settled` of them are on the record; `late` of those were recorded after their hold had
    ended, as charges that may overdraw the account. `rejected` will never be recorded. `refused` were refused here.
    `unsettled` includes what an earlier process left in the journal. `slices`, `extended` and `released` count holds,
    `flushes` batches, `failures` calls without an answer, of which `last_error` is the newest.
    """

    spends: int
    spent: Decimal
    settled: int
    unsettled: int
    unsettled_amount: Decimal
    late: int
    late_amount: Decimal
    rejected: int
    refused: int
    slices: int
    extended: int
    released: int
    flushes: int
    failures: int
    last_error: Exception | None


class Budget:
    """Made by `Millicent.budget`. Threads and tasks may share it; a forked child cannot use it.

    As a context manager (`with`, or `async with`) it settles and returns everything at its end, as `close` does.
    """

    def __init__(self, client: Millicent, actor: str, terms_: Terms, journal: str | os.PathLike[str] | None) -> None:
        self.actor = actor
        self.terms = terms_
        self._now_s: Callable[[], float] = client.steady_now_s
        self._client = _with_patience(client, terms_.ttl_s / _CALLS_A_LIFE)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._journal = None if journal is None else Journal(Path(journal), Owner(client.base_url, actor))
        try:
            self._lease = Lease(terms_, new_key(), self._now_s(), self._journal)
        except BaseException:
            if self._journal is not None:
                self._journal.close()
            raise
        self._closed: str | None = None
        self._is_stopped = False
        self._is_summed = terms_.record == "sum"
        self._said_always = spend_line(terms_.app, terms_.meter, None, is_summed=True) if self._is_summed else None
        """What a spend of a sum says that is given nothing but its amount."""
        self._poll_s = min(1.0, terms_.flush_every_s, terms_.ttl_s / _POLLS_A_LIFE)
        self._threads = [threading.Thread(target=self._work, args=(lane,), daemon=True) for lane in LANES]
        _budgets.add(self)
        for thread in self._threads:
            thread.start()

    @staticmethod
    def recover(
        path: str | os.PathLike[str], client: Millicent | None = None, *, timeout_s: float | None = None
    ) -> BudgetStats:
        """Settles what a process that is no more has left in its journal, and releases its holds.

        Opening a budget with the same journal does it as well. It waits as `close` does. Raises NotSettled (what had no
        answer is still in the journal), JournalUnusable and its subclasses.
        """
        found = Journal(Path(path))
        owner = found.owner
        found.close()
        own_client = client is None
        client = client or Millicent(owner.service)
        try:
            budget = Budget(client, owner.actor, terms(1, None), path)
            return budget.close(timeout_s)
        finally:
            if own_client:
                client.close()

    def spend(  # noqa: PLR0913 - one option for each field of a charge
        self,
        amount: Amount,
        *,
        app: str | None = None,
        meter: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
        usage: Usage | None = None,
        cost_usd: Dollars | None = None,
        occurred_at: datetime | None = None,
    ) -> None:
        """Spends `amount` millicents of the slice; waits for the next slice if it does not fit, up to `wait_s`.

        `app` and `meter` are the budget's unless given. With `record="sum"` only the `model` of the metadata is kept.
        A `key` of your own makes the spend one with any other under that key, of any process. With `usage` or
        `cost_usd` the service says what it cost, when it is recorded, and `amount` is the most that this may be;
        `occurred_at`, with its offset, is the time of the work. None of these four goes with a sum.

        Raises InsufficientCredits with the same figures as the API, and other refusals of a hold; Unreachable if no
        slice came in time; JournalFailed; BudgetClosed; ValueError for an invalid amount, app, meter, metadata or key,
        and for usage that is larger or deeper than the service takes in a batch. Nothing is spent then.
        """
        given = (app, meter, metadata, key, usage, cost_usd, occurred_at)
        if self._said_always is not None and given == _NOTHING:
            said = self._said_always
        else:
            content = {"usage": usage, "cost_usd": cost_usd, "occurred_at": occurred_at}
            said = self._said(app, meter, metadata, key, **content)
        self._spend(exact_microcents(amount), said)

    async def aspend(self, amount: Amount, **about: Any) -> None:  # noqa: ANN401 - those of spend
        """The same for a task: if the spend has to wait for a slice, other tasks go on meanwhile."""
        microcents, said = exact_microcents(amount), self._said(**about)
        if not self._spend_now(microcents, said):
            await asyncio.to_thread(self._spend, microcents, said)

    def reserve(self, amount: Amount) -> "Part":
        """Sets `amount` aside for a block of work: `with budget.reserve(400) as part: part.spend(work())`.

        Raises what `spend` raises.
        """
        microcents = exact_microcents(amount)
        reserved = self._until_done(microcents, lambda ticket: self._lease.reserve(microcents, self._now_s(), ticket))
        return Part(self, reserved)

    @property
    def remaining(self) -> Decimal:
        """The millicents that are left of the slices: what can be spent without asking anybody."""
        with self._lock:
            return millicents(self._lease.state.left)

    @property
    def stats(self) -> BudgetStats:
        with self._lock:
            return _stats(self._lease)

    def listen(self, on_result: Callable[[str, BatchResult], None]) -> None:
        """`on_result` gets the key of each line that is settled or rejected, and the answer. It must not spend.

        What it raises goes to the log.
        """

        def tell(key: str, result: BatchResult) -> None:
            try:
                on_result(key, result)
            except Exception:  # noqa: BLE001 - the line is settled, whatever the listener makes of it
                _LOG.exception("the listener of a budget failed at %s", key)

        self._lease.state.on_result = tell

    def flush(self, timeout_s: float | None = None) -> None:
        """Waits until everything that is spent by now is on the record.

        Raises NotSettled after `timeout_s`; without one, once the ledger has taken nothing for 30 s. Raises it as well
        if the ledger has meanwhile said of a spend that it will never be recorded.
        """
        with self._changed:
            state = self._lease.state
            keys, rejected = state.hasten(self._now_s()), state.counts.rejected
            self._changed.notify_all()
            self._await(lambda: not any(map(state.is_unsettled, keys)), timeout_s)
            if any(map(state.is_unsettled, keys)) or state.counts.rejected > rejected:
                self._raise_unsettled()

    def close(self, timeout_s: float | None = None) -> BudgetStats:
        """Accepts nothing more, settles what was spent and returns the rest of the slices to the account.

        It waits for `timeout_s`; without one for as long as the ledger takes something every 30 s. What is not settled
        then stays in the journal; without a journal it is lost, which NotSettled says. It also says what the ledger
        will never record. A hold that could not be released returns at its end.
        """
        with self._changed:
            if self._closed == _FORKED:
                return _stats(self._lease)
            self._closed = self._closed or _CLOSED
            self._lease.state.close()
            self._changed.notify_all()
            self._await(lambda: self._lease.state.is_settled, timeout_s)
            self._is_stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            # One that is waiting for an answer cannot write any more: it finds the budget stopped.
            thread.join(self._poll_s)
        with self._lock:
            _budgets.discard(self)
            if self._journal is not None:
                self._journal.close()
                self._journal = self._lease.journal = None
            if self._lease.state.unsettled_spends or self._lease.state.counts.rejected:
                self._raise_unsettled()
            return _stats(self._lease)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    def _said(
        self,
        app: str | None = None,
        meter: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
        **content: Any,  # noqa: ANN401 - members of a BatchCharge
    ) -> Line:
        if app is not None:
            check_id("app", app)
        if meter is not None:
            check_id("meter", meter)
        if metadata is not None:
            metadata = checked_metadata(metadata)
        if key is not None:
            check_id("key", key)
        given = {name: value for name, value in content.items() if value is not None}
        if self._is_summed and (key is not None or given):
            raise ValueError('with record="sum" a spend has no key, usage, cost_usd or occurred_at of its own')
        line = spend_line(
            app or self.terms.app,
            meter or self.terms.meter,
            metadata,
            is_summed=self._is_summed,
            key=key or "",
            content=checked_content(written(given)) if given else None,
        )
        if given:
            check_size(self.actor, line)
        return line

    def _spend(self, microcents: int, said: Line, reserved: Reservation | None = None) -> None:
        if not self._spend_now(microcents, said, reserved):
            self._until_done(
                microcents,
                lambda ticket: self._lease.spend(microcents, self._now_s(), said, reserved, ticket),
                reserved,
            )

    def _spend_now(self, microcents: int, said: Line, reserved: Reservation | None = None) -> bool:
        """False if it has to wait."""
        with self._lock:
            if self._closed is not None:
                raise BudgetClosed(self._closed)
            is_urgent = self._lease.spend(microcents, self._now_s(), said, reserved)
            if is_urgent:
                self._changed.notify_all()
            return is_urgent is not None

    def _until_done(
        self, microcents: int, attempt: Callable[[object], Any], reserved: Reservation | None = None
    ) -> Any:  # noqa: ANN401 - what attempt returns
        """What `attempt` returns once that is not None. Raises Unreachable after `wait_s`.

        It gets the ticket that says who came first.
        """
        ticket = object()
        with self._changed:
            patience = Patience(self.terms.wait_s, self._lease.state.finished)
            try:
                while True:
                    if self._closed is not None:
                        raise BudgetClosed(self._closed)
                    done = attempt(ticket)
                    if done is not None:
                        return done
                    self._lease.wait(ticket, microcents, self._now_s(), reserved)
                    self._changed.notify_all()
                    if patience.left_s <= 0:
                        raise self._unreachable()
                    self._pause(patience)
            finally:
                self._lease.state.wanted.pop(ticket, None)
                self._lease.state.covered.discard(ticket)
                # Those who waited behind it may be next.
                self._changed.notify_all()

    def _unreachable(self) -> Unreachable:
        cause = self._lease.state.last_error
        error = Unreachable(f"no slice came within {self.terms.wait_s:g} s, nothing was spent: {cause or 'no answer'}")
        error.__cause__ = cause
        return error

    def _give_back(self, reserved: Reservation) -> None:
        with self._changed:
            self._lease.end(reserved)
            self._changed.notify_all()

    def _await(self, is_so: Callable[[], bool], timeout_s: float | None) -> None:
        patience = Patience(timeout_s, self._lease.state.finished)
        while not is_so() and patience.left_s > 0:
            self._pause(patience)

    def _pause(self, patience: Patience) -> None:
        """Until something has changed, or it is time to look."""
        begun_s, asked_s = self._now_s(), min(patience.left_s, self._poll_s)
        self._changed.wait(asked_s)
        patience.waited(asked_s, self._now_s() - begun_s, self._lease.state.finished)

    def _raise_unsettled(self) -> NoReturn:
        state = self._lease.state
        cause, spends, rejected = state.last_failure, state.unsettled_spends, state.counts.rejected
        kept = "; they are in the journal" if self.has_journal else ", and there is no journal"
        said = [f"{spends} spends are not on the record yet{kept}"] if spends else []
        if rejected:
            line, result = state.rejected[-1]
            last = error_of(result)
            said.append(f"{rejected} spends will never be on the record, the last of them {line.key}: {last}")
            cause = cause or last
        raise NotSettled("; ".join(said), spends, rejected) from cause

    @property
    def has_journal(self) -> bool:
        return not self._lease.state.is_bounded

    def _work(self, lane: Lane) -> None:
        """The background of one lane, in a thread of its own."""
        while True:
            try:
                call = self._next_call(lane)
            except BudgetClosed:
                return
            if call is not None:
                self._perform(call)

    def _next_call(self, lane: Lane) -> Call | None:
        """The next call of the lane, or None at the end of a pause; the budget's end raises BudgetClosed."""
        with self._changed:
            if not self._is_stopped and (call := self._lease.due(lane, self._now_s())) is not None:
                return call
            if not self._is_stopped:
                self._changed.wait(self._poll_s)
            if self._is_stopped:
                raise BudgetClosed(_CLOSED)
            return None

    def _perform(self, call: Call) -> None:
        answer: Answer
        try:
            answer = perform(self._client, self.actor, call)
        except Exception as error:  # noqa: BLE001 - a lane must not end by an error of one call
            _LOG.exception("a call of a budget failed")
            answer = Failed(error)
        with self._changed:
            if self._is_stopped:
                return
            over = self._lease.answered(call, answer, self._now_s())
            for line, result in over.rejected:
                _LOG.error("the ledger will never record %s: %s", line.key, result.problem)
            self._changed.notify_all()

    def _forked(self) -> None:
        """In the child: its parent's spends, holds and journal are none of its business."""
        # Another thread of the parent may have had the lock, which nobody here will give back.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closed, self._is_stopped = _FORKED, True
        if self._journal is not None:
            self._journal.abandon()


class Part:
    """A reserved part of a budget, made by `Budget.reserve`. What is not spent of it goes back at its end."""

    def __init__(self, budget: Budget, reserved: Reservation) -> None:
        self._budget = budget
        self._reserved = reserved

    @property
    def left(self) -> Decimal:
        """Millicents."""
        return millicents(self._reserved.left)

    def spend(self, amount: Amount, **about: Any) -> None:  # noqa: ANN401 - those of Budget.spend
        """Spends of the part, and of the budget what the part does not have. `about` is that of `Budget.spend`."""
        microcents = exact_microcents(amount)
        self._budget._spend(microcents, self._budget._said(**about), self._reserved)  # noqa: SLF001 - a part of it

    def close(self) -> None:
        self._budget._give_back(self._reserved)  # noqa: SLF001

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _with_patience(client: Millicent, deadline_s: float) -> Millicent:
    """The same connections, with a deadline of its own."""
    policy = client.retry_policy
    shorter = min(policy.deadline_s, deadline_s)
    timeout_s = min(policy.attempt_timeout_s, shorter)
    return client.with_policy(replace(policy, deadline_s=shorter, attempt_timeout_s=timeout_s))


def _stats(lease: Lease) -> BudgetStats:
    counts, state = lease.state.counts, lease.state
    return BudgetStats(
        spends=counts.spends,
        spent=millicents(counts.spent_microcents),
        settled=counts.settled,
        unsettled=state.unsettled_spends,
        unsettled_amount=millicents(state.unsettled_microcents),
        late=counts.late,
        late_amount=millicents(counts.late_microcents),
        rejected=counts.rejected,
        refused=lease.refused,
        slices=counts.slices,
        extended=counts.extended,
        released=counts.released,
        flushes=counts.flushes,
        failures=counts.failures,
        last_error=state.last_error,
    )


_budgets: Final[set[Budget]] = set()
"""Those that are open in this process: one that nobody closes is settled at the end of the program."""


def _abandon_all() -> None:
    for budget in list(_budgets):
        budget._forked()  # noqa: SLF001
    _budgets.clear()


def _close_all() -> None:
    """What a program forgot to close. Its threads still run when this is called."""
    for budget in list(_budgets):
        try:
            budget.close()
        except Exception:  # noqa: BLE001 - nobody is left to catch it
            _LOG.exception("a budget could not be settled at the end of the program")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
atexit.register(_close_all)
