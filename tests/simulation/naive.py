"""The naive twin: how this is usually built, under the same clients and the same faults.

    idempotency record: put "in progress" if absent   (Powertools' idempotency: the record is completed after the
    read the balance                                   function ran, deleted when it raised, and an abandoned one
    update it, if it is still enough                   may be taken over after the function's time-out)
    put an event on the bus
    idempotency record: complete, with the answer

Each call is tried three times, as the SDKs do. What is wrong with it is what the ledger is for: a crash or a lost
answer between the update and the record repeats the update, and one before the event loses the event.
"""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final

from shared.ledger.accounts import Account
from shared.ledger.errors import IdempotencyKeyReused, LedgerUnavailable
from shared.ledger.operations import Charge, FundingUpdate, GrantCredits, Operation
from shared.ledger.protocol import Busy, Pause, Reply, Unknown
from tests.simulation.calls import Answer, Calls, Steps
from tests.simulation.chance import Chance, Clock, Spot
from tests.simulation.clients import Clients, Ticket
from tests.simulation.matrix import COMMITS, Place
from tests.simulation.verdict import Verdict
from tests.simulation.workload import SIMPLE_WORK, START_MS
from tests.simulation.world import HAPPENINGS_MAX, Plan, schedule

_ATTEMPTS: Final = 3
_FUNCTION_TIMEOUT_MS: Final = 30_000
_FAULTS: Final = COMMITS["charge"].faults


@dataclass(frozen=True, slots=True)
class Begin:
    operation: Operation


@dataclass(frozen=True, slots=True)
class Complete:
    operation: Operation
    answer: Answer


@dataclass(frozen=True, slots=True)
class Forget:
    operation: Operation


@dataclass(frozen=True, slots=True)
class Get:
    account: Account


@dataclass(frozen=True, slots=True)
class Update:
    """Adds `amount` to the balance, where at least `floor` is there."""

    operation: Operation
    amount: int
    funded: int
    floor: int | None


@dataclass(frozen=True, slots=True)
class PutEvent:
    operation: Operation


@dataclass(slots=True)
class Balance:
    available: int = 0
    funded: int = 0


@dataclass(slots=True)
class IdempotencyRecord:
    request_hash: str
    expires_ms: int
    answer: Answer | None = None


class NaiveService:
    """Implements calls.Service. `effects` and `events` count by account and key what was done and published."""

    def __init__(self, clock: Clock, chance: Chance) -> None:
        self.effects: Counter[tuple[Account, str]] = Counter()
        self.events: Counter[tuple[Account, str]] = Counter()
        self._clock = clock
        self._balances: dict[Account, Balance] = {}
        self._records: dict[tuple[Account, str], IdempotencyRecord] = {}
        calls = (Begin, Complete, Forget, Get, Update, PutEvent)
        self._spots: dict[type, Spot] = {call: chance.spot(Place(f"naive {call.__name__}", _FAULTS)) for call in calls}

    def spot(self, command: Any, work_name: str) -> Spot:
        return self._spots[type(command)]

    def steps(self, operation: Operation, now_ms: int) -> Steps:
        known: IdempotencyRecord | None = yield from _three_times(Begin(operation))
        if known is not None:
            return _known_answer(operation, known)
        try:
            answer = yield from _carry_out(operation)
        except LedgerUnavailable:
            yield from _three_times(Forget(operation))
            raise
        yield from _three_times(Complete(operation, answer))
        return answer

    def begin(self, command: Any) -> Any:
        return command

    def execute(self, command: Any) -> Any:
        match command:
            case Begin(operation):
                return self._begin(operation)
            case Complete(operation, answer):
                self._records[_name(operation)] = IdempotencyRecord(operation.request_hash, 2**63, answer)
            case Forget(operation):
                self._records.pop(_name(operation), None)
            case Get(account):
                balance = self._balances.setdefault(account, Balance())
                return balance.available, balance.funded
            case Update():
                return self._update(command)
            case PutEvent(operation):
                self.events[_name(operation)] += 1
        return None

    def _begin(self, operation: Operation) -> IdempotencyRecord | None:
        now_ms = self._clock.now_ms
        record = self._records.get(_name(operation))
        if record is not None and record.expires_ms > now_ms:
            return record
        self._records[_name(operation)] = IdempotencyRecord(operation.request_hash, now_ms + _FUNCTION_TIMEOUT_MS)
        return None

    def _update(self, update: Update) -> tuple[int, int] | None:
        balance = self._balances.setdefault(update.operation.account, Balance())
        if update.floor is not None and balance.available < update.floor:
            return None
        balance.available += update.amount
        balance.funded += update.funded
        self.effects[_name(update.operation)] += 1
        return balance.available, balance.funded


def _name(operation: Operation) -> tuple[Account, str]:
    return operation.account, operation.key


def _three_times(command: Any) -> Generator[Any, Reply, Any]:
    for attempt in range(_ATTEMPTS):
        outcome, _ = yield command
        if not isinstance(outcome, Busy | Unknown):
            return outcome
        yield Pause(50 << attempt)
    raise LedgerUnavailable("tried three times")


def _known_answer(operation: Operation, known: IdempotencyRecord) -> Answer:
    if known.request_hash != operation.request_hash:
        raise IdempotencyKeyReused("the payload is another one")
    if known.answer is None:
        raise LedgerUnavailable("already in progress")
    return known.answer


def _carry_out(operation: Operation) -> Generator[Any, Reply, Answer]:
    while True:
        available, funded = yield from _three_times(Get(operation.account))
        amount = _amount(operation, available, funded)
        if amount is None:
            return _answer("refused", 0, available, funded)
        balance = yield from _three_times(_update(operation, amount))
        if balance is not None:
            yield PutEvent(operation)
            return _answer("applied", amount, *balance)


def _update(operation: Operation, amount: int) -> Update:
    match operation.terms:
        case Charge(if_insufficient="overdraw"):
            return Update(operation, amount, funded=0, floor=None)
        case Charge():
            return Update(operation, amount, funded=0, floor=-amount or None)
        case _:
            return Update(operation, amount, funded=amount, floor=None)


def _amount(operation: Operation, available: int, funded: int) -> int | None:
    """None where the operation is to be refused."""
    match operation.terms:
        case Charge(cost, "partial"):
            return -min(cost, max(available, 0))
        case Charge(cost, "refuse") if cost > available:
            return None
        case Charge(cost):
            return -cost
        case FundingUpdate(old, new):
            return new - old if funded == old else None
        case GrantCredits(amount):
            return amount
    raise TypeError(operation.kind)


def _answer(outcome: str, amount: int, available: int, funded: int) -> Answer:
    return Answer("recorded", outcome, 1, (outcome, amount, available), funded=funded)


def run(plan: Plan) -> Verdict:
    """The twin's figures; it has no chain and no order to break."""
    verdict, clock, chance = Verdict(), Clock(START_MS), Chance(plan.seed, plan.fault_rate)
    service = NaiveService(clock, chance)
    clients = Clients(clock, chance, Calls(clock, chance, service), verdict, SIMPLE_WORK)
    schedule(clock, clients, plan)
    clock.run(HAPPENINGS_MAX * (plan.operations + 1000))
    for ticket in clients.tickets:
        _judge(ticket, service, verdict)
    return verdict


def _judge(ticket: Ticket, service: NaiveService, verdict: Verdict) -> None:
    account, key = name = _name(ticket.operation)
    effects, events, answer = service.effects[name], service.events[name], ticket.answer
    if effects > 1:
        verdict.add("double", account, key, f"took effect {effects} times")
    if answer is not None and answer.outcome == "applied" and not effects:
        verdict.add("lost", account, key, "was told yes, and nothing happened")
    if answer is not None and answer.outcome == "refused" and effects:
        verdict.add("refused_then_charged", account, key, "was told no, and it took effect")
    if effects > events:
        verdict.add("audit_missing", account, key, f"{effects} effects, {events} events")
