"""The clients: each has a key before it sends, sends again until it is answered, and often once more for no reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeAlias

from shared.ledger.operations import Operation, Terms
from tests.simulation.calls import Answer, Batch, Calls, Request
from tests.simulation.chance import Chance, Clock
from tests.simulation.matrix import AGAIN, BATCH, CLOCK, REUSE, Fault, Place
from tests.simulation.order import Moment
from tests.simulation.verdict import Verdict
from tests.simulation.workload import (
    APPS,
    BATCHED,
    CONFIGURE,
    LINES,
    MODELS,
    WORK,
    Customer,
    Work,
    choose_customer,
    choose_work,
    customers,
    first_settings,
)

_SKEW_MAX_MS: Final = 600_000
_SKEWED: Final = 0.05
_SENT_AGAIN: Final = 0.04
_DOUBLED: Final = 0.01
_KEY_REUSED: Final = 0.005
_IN_BATCH: Final = (0.012, 0.08)
"""The share of charges and parts that begin a batch: of plain accounts, and of those that limits or parents govern."""
_MORE_LINES: Final = 40
"""At most so many follow."""
_QUITS: Final = 0.03
"""The share of clients that never come back when their first request is not answered."""
_AGAIN_MS: Final = {
    Fault.AFTER_1_S: 1000,
    Fault.AFTER_11_MIN: 660_000,
    Fault.AFTER_2_DAYS: 172_800_000,
}
_RETRY_MS: Final = (200, 3000)
_Listener: TypeAlias = Callable[[Request, "Answer | None"], None]
_moment_of: Final[Callable[[tuple[int, int, int]], Moment]] = partial(tuple.__new__, Moment)
_FINAL: Final = frozenset({"recorded", "invalid_operation", "idempotency_key_reused"})
"""Answers after which a client does not try again."""
_NOTHING_WRITTEN: Final = frozenset({"throttled", "account_busy"})
"""Answers that promise that the request wrote nothing, and never will have."""


@dataclass(slots=True, eq=False)
class Ticket:
    """An operation and what its client knows of it. `answer` is the first one that put it on record."""

    number: int
    customer: Customer
    work: Work
    operation: Operation
    is_quitter: bool
    is_doubled: bool
    answer: Answer | None = None


class Clients:
    """Sends operations and remembers every answer, for the oracle."""

    def __init__(
        self, clock: Clock, chance: Chance, calls: Calls, verdict: Verdict, works: Sequence[Work] = WORK
    ) -> None:
        self.customers = customers()
        self.tickets: list[Ticket] = []
        self.history: list[Moment] = []
        self.turned_away: list[tuple[str, Ticket]] = []
        """Requests that were told that nothing was recorded, and of which operation."""
        self._clock = clock
        self._chance = chance
        self._calls = calls
        self._verdict = verdict
        self._works = works
        self._requests = 0
        self._waiting_for_top_up: dict[str, list[Ticket]] = {}
        self._again = {outcome: chance.spot(_later(place), _SENT_AGAIN) for outcome, place in AGAIN.items()}
        self._reuse = chance.spot(REUSE, _KEY_REUSED)
        self._skew = chance.spot(CLOCK, _SKEWED)
        self._numbers = {customer.account.actor: number for number, customer in enumerate(self.customers)}

    def ask(self, _: object) -> None:
        """A new operation of some kind on some account."""
        chance = self._chance
        work = choose_work(self._works, chance)
        customer = choose_customer(self.customers, chance, is_governed=work.is_for_governed)
        ticket = self._ticket(customer, work, work.terms(customer, chance, self._clock.now_ms))
        often = _IN_BATCH[customer.is_governed]
        if self._works is WORK and work.name in BATCHED and chance.rng.random() < often:
            self._send_batch([ticket, *self._more_lines(customer)])
        else:
            self.send(ticket)
        if ticket.is_doubled:
            self.send(ticket)

    def _more_lines(self, customer: Customer) -> list[Ticket]:
        chance, now_ms = self._chance, self._clock.now_ms
        works = [chance.choose(LINES) for _ in range(1 + chance.below(_MORE_LINES))]
        return [self._ticket(customer, work, work.terms(customer, chance, now_ms)) for work in works]

    def set_up(self, _: object) -> None:
        """What governs accounts from the first."""
        for customer in self.customers:
            if customer.is_governed:
                self.send(self._ticket(customer, CONFIGURE, first_settings(customer)))

    def _ticket(self, customer: Customer, work: Work, terms: Terms) -> Ticket:
        chance, number = self._chance, len(self.tickets)
        app = chance.choose(APPS) if customer.is_governed else None
        operation = Operation(customer.account, f"k{number}", terms, by="service", correlation_id="", app=app)
        if customer.is_governed and work.name != CONFIGURE.name:
            operation = replace(operation, model=MODELS[number % len(MODELS)])
        is_quitter, is_doubled = chance.rng.random() < _QUITS, chance.rng.random() < _DOUBLED
        ticket = Ticket(number, customer, work, operation, is_quitter, is_doubled)
        self.tickets.append(ticket)
        self.history.append(_moment_of((self._numbers[customer.account.actor], number, 0)))
        return ticket

    def send(self, ticket: Ticket) -> None:
        self._send(ticket, ticket.operation.app, self._heard_of(ticket))

    def _send(self, ticket: Ticket, app: str | None, on_end: _Listener) -> None:
        self._requests += 1
        asked = ticket.operation
        operation = Operation(asked.account, asked.key, asked.terms, asked.by, f"r{self._requests}", app)
        self._calls.send(Request(operation, ticket.work.name, self._now_ms(), on_end))

    def _send_batch(self, tickets: Sequence[Ticket]) -> None:
        self._requests += 1
        lines = tuple(replace(ticket.operation, correlation_id=f"r{self._requests}") for ticket in tickets)

        def heard(request: Request, answer: Answer | None) -> None:
            for ticket in tickets:
                self._heard(ticket, request, None if answer is None else answer.content[ticket.operation.key])

        self._calls.send(Request(Batch(lines), BATCH, self._now_ms(), heard))

    def _now_ms(self) -> int:
        fault = self._skew.draw()
        if fault is None:
            return self._clock.now_ms
        skew_ms = self._chance.below(_SKEW_MAX_MS)
        return self._clock.now_ms + (skew_ms if fault is Fault.CLOCK_AHEAD else -skew_ms)

    def _heard_of(self, ticket: Ticket) -> _Listener:
        return lambda request, answer: self._heard(ticket, request, answer)

    def _heard(self, ticket: Ticket, request: Request, answer: Answer | None) -> None:
        if answer is not None and answer.status in _NOTHING_WRITTEN:
            self.turned_away.append((request.operation.correlation_id, ticket))
        if answer is None or answer.status not in _FINAL:
            self._try_again(ticket)
        elif answer.status != "recorded":
            self._heard_no_answer(ticket, answer)
        elif ticket.answer is None:
            self._heard_first(ticket, request, answer)
        else:
            self._heard_again(ticket, request, answer)

    def _try_again(self, ticket: Ticket) -> None:
        if ticket.is_quitter and ticket.answer is None:
            return
        shortest_ms, spread_ms = _RETRY_MS
        self._clock.later(shortest_ms + self._chance.below(spread_ms), self.send, ticket)

    def _heard_no_answer(self, ticket: Ticket, answer: Answer) -> None:
        if answer.status == "idempotency_key_reused" or ticket.answer is not None:
            self._mismatch(ticket, f"told {answer.status} about an operation of its own")

    def _heard_first(self, ticket: Ticket, request: Request, answer: Answer) -> None:
        ticket.answer = answer
        self._check_writer(ticket, request, answer)
        self.history.append(_moment_of((self._numbers[ticket.customer.account.actor], ticket.number, answer.seq)))
        ticket.customer.learn(answer.funded, answer.content)
        if ticket.work.is_top_up and answer.outcome != "refused":
            self._topped_up(ticket.customer)
        self._maybe_again(ticket, answer)

    def _heard_again(self, ticket: Ticket, request: Request, answer: Answer) -> None:
        self._check_writer(ticket, request, answer)
        first = ticket.answer
        assert first is not None
        if answer.content == first.content:
            return
        self._mismatch(ticket, f"told {first.outcome}, then {answer.outcome}, or with other figures")
        if "refused" in {first.outcome, answer.outcome} and first.outcome != answer.outcome:
            self._verdict.add("refused_then_charged", ticket.customer.account, ticket.operation.key, "told both")

    def _check_writer(self, ticket: Ticket, request: Request, answer: Answer) -> None:
        is_writer = answer.writer == request.operation.correlation_id
        if answer.writer is not None and is_writer == answer.is_replayed:
            self._mismatch(ticket, f"a replay said to be {answer.is_replayed}, the writer was {answer.writer}")

    def _topped_up(self, customer: Customer) -> None:
        for waiting in self._waiting_for_top_up.pop(customer.account.actor, []):
            self.send(waiting)

    def _maybe_again(self, ticket: Ticket, answer: Answer) -> None:
        if self._reuse.draw() is not None:
            self._send(ticket, "another app", self._reused(ticket))
        again = self._again[answer.outcome]
        if ticket.is_doubled:
            again.fired(Fault.AT_ONCE)
        is_very_late = self._chance.rng.random() < ticket.work.very_late
        fault = again.fired(Fault.AFTER_2_DAYS) if is_very_late else again.draw()
        if fault is Fault.AFTER_TOP_UP:
            self._waiting_for_top_up.setdefault(ticket.customer.account.actor, []).append(ticket)
        elif fault is not None:
            self._clock.later(_AGAIN_MS[fault], self.send, ticket)

    def _reused(self, ticket: Ticket) -> _Listener:
        def heard(request: Request, answer: Answer | None) -> None:
            if answer is not None and answer.status in {"recorded", "invalid_operation"}:
                self._mismatch(ticket, f"another operation under its key was told {answer.status}")

        return heard

    def _mismatch(self, ticket: Ticket, what: str) -> None:
        self._verdict.add("replay_mismatch", ticket.customer.account, ticket.operation.key, what)


def _later(place: Place) -> Place:
    """Without the duplicate that is sent before there is an answer."""
    return replace(place, faults=tuple(fault for fault in place.faults if fault is not Fault.AT_ONCE))
