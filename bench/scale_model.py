"""The model behind `make scale`: virtual time, a table as DynamoDB keeps it, and clients that run the real protocol."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from statistics import quantiles
from typing import Final, Protocol

from in_memory.ledger import MemoryLedger
from millicent.retry import RetryPolicy
from shared.edge.problems import BUSY_RETRY_AFTER_S
from shared.ledger.accounts import Account
from shared.ledger.errors import LedgerError
from shared.ledger.operations import Charge, Configure, GrantCredits, Operation, Terms
from shared.ledger.protocol import (
    Busy,
    Command,
    CommandOutcome,
    Commit,
    Pause,
    Recorded,
    Reply,
    Resumed,
    Steps,
    record,
    record_batch,
)
from shared.ledger.reducer import Change

START_MS: Final = 1_763_900_000_000
DEADLINE_MS: Final = 5000
READ_MS: Final = 4.0
TRANSACTION_MS: Final = 10.0
ON_ITS_WAY: Final = 0.2
HELD: Final = 0.4
"""A transaction is this part of its time on its way to its items, then holds them; the rest is its answer's."""
SPREAD: Final = 0.25
"""A latency is up to this part of it shorter or longer."""
PARTITION_UNITS_PER_S: Final = 1000
UNITS_PER_ITEM: Final = 2
"""An item of at most 1 KB in a transaction. The index is a table of its own to DynamoDB, with partitions of its own."""

SDK: Final = RetryPolicy()

TEAM: Final = Account("main", "team:red")
HOT: Final = Account("main", "user:hot")


class Clock:
    """Virtual time: the next happening is the earliest, and of those at the same time the one that was put first."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self._order = count()
        self._happenings: list[tuple[float, int, Callable[[], None]]] = []

    def later(self, delay_ms: float, happening: Callable[[], None]) -> None:
        heappush(self._happenings, (self.now_ms + delay_ms, next(self._order), happening))

    def run(self) -> None:
        while self._happenings:
            self.now_ms, _, happening = heappop(self._happenings)
            happening()


class Table:
    """A ledger table as DynamoDB keeps it.

    * A strong read takes about READ_MS and sees what is committed half-way.
    * A transaction takes about TRANSACTION_MS, however it ends. Its conditions are checked when it reaches its items.
      If they hold, it holds the items until it has changed them; another one that reaches one of them meanwhile is
      turned away (TransactionConflict). One whose condition fails holds nothing up, and is told what is there. See
      "Distributed Transactions at Scale in Amazon DynamoDB" (USENIX ATC 2023).
    * The items of an account are one partition, which takes PARTITION_UNITS_PER_S; what it did not use is kept for one
      second. A transaction that fails its condition has used its units too.
    """

    def __init__(self, clock: Clock, rng: Random) -> None:
        self.ledger = MemoryLedger()
        self.transactions = self.reads = 0
        self._clock = clock
        self._rng = rng
        self._taken_until_ms: dict[Account, float] = defaultdict(float)
        self._units: dict[Account, tuple[float, float]] = {}
        """What a partition had left, and when."""

    def send(self, command: Command, answer: Callable[[CommandOutcome], None]) -> None:
        if isinstance(command, Commit):
            self.transactions += 1
            self._commit(command, answer)
        else:
            self.reads += 1
            self._read(command, answer)

    def _read(self, command: Command, answer: Callable[[CommandOutcome], None]) -> None:
        half_ms = self._about(READ_MS) / 2

        def serve() -> None:
            found = self.ledger.execute(command)
            self._clock.later(half_ms, lambda: answer(found))

        self._clock.later(half_ms, serve)

    def _commit(self, commit: Commit, answer: Callable[[CommandOutcome], None]) -> None:
        whole_ms = self._about(TRANSACTION_MS)
        there_ms, held_ms = whole_ms * ON_ITS_WAY, whole_ms * HELD

        def check() -> None:
            outcome = self._turned_away(commit.change)
            if outcome is None and self._is_as_seen(commit.change):
                for part in commit.change.parts:
                    self._taken_until_ms[part.seen.account] = self._clock.now_ms + held_ms
                self._clock.later(held_ms, write)
            else:
                told = outcome or self.ledger.execute(commit)
                self._clock.later(whole_ms - there_ms, lambda: answer(told))

        def write() -> None:
            outcome = self.ledger.execute(commit)
            self._clock.later(whole_ms - there_ms - held_ms, lambda: answer(outcome))

        self._clock.later(there_ms, check)

    def _turned_away(self, change: Change) -> Busy | None:
        parts = list(change.parts)
        if any(self._taken_until_ms[part.seen.account] > self._clock.now_ms for part in parts):
            return Busy()
        units = [UNITS_PER_ITEM * (1 + len(part.entries) + len(part.holds)) for part in parts]
        left = [self._left(part.seen.account) for part in parts]
        if any(map(float.__lt__, left, map(float, units))):
            return Busy(throttled=True)
        for part, before, used in zip(parts, left, units, strict=True):
            self._units[part.seen.account] = (before - used, self._clock.now_ms)
        return None

    def _left(self, account: Account) -> float:
        left, at_ms = self._units.get(account, (PARTITION_UNITS_PER_S, self._clock.now_ms))
        refilled = (self._clock.now_ms - at_ms) * PARTITION_UNITS_PER_S / 1000
        return float(min(PARTITION_UNITS_PER_S, left + refilled))

    def _is_as_seen(self, change: Change) -> bool:
        states = [(self.ledger.state(part.seen.account), part.seen) for part in change.parts]
        return all((state.seq if state else 0) == seen.seq for state, seen in states)

    def _about(self, latency_ms: float) -> float:
        return latency_ms * self._rng.uniform(1 - SPREAD, 1 + SPREAD)


@dataclass(frozen=True, slots=True)
class Scenario:
    """`charges` come in requests of `batch` each, at random times, for accounts of `choose`."""

    name: str
    offered_per_s: int
    seconds: int
    choose: Callable[[Random], Account]
    batch: int = 1
    member: bool = False

    def start(self, clock: Clock, clients: "Clients", rng: Random) -> set[Account]:
        """Plans its calls. Returns the accounts that they charge."""
        accounts = set()
        for at_ms, operations in _arrivals(self, rng):
            accounts.add(operations[0].account)
            clock.later(at_ms, partial(clients.call, operations))
        return accounts


@dataclass(slots=True)
class Tally:
    """What became of the charges of a scenario."""

    recorded: int = 0
    recorded_in_time: int = 0
    shed: int = 0
    failed: int = 0
    done_after_ms: list[float] = field(default_factory=list)
    """One of each call of a client, all its attempts together."""
    answered_after_ms: list[float] = field(default_factory=list)
    """One of each attempt: an answer of the service, whatever it says."""


class Clients:
    """Calls of clients: the protocol runs each attempt; an attempt that was turned away is repeated as the SDK does."""

    def __init__(self, clock: Clock, table: Table, rng: Random, seconds: int) -> None:
        self.tally = Tally()
        self._clock, self._table, self._rng, self._ends_ms = clock, table, rng, seconds * 1000

    def call(self, operations: Sequence[Operation]) -> None:
        self._attempt(operations, self._clock.now_ms, 0)

    def _attempt(self, operations: Sequence[Operation], called_ms: float, attempt: int) -> None:
        begun_ms = self._clock.now_ms

        def answered(answers: Mapping[str, Recorded | LedgerError]) -> None:
            self.tally.answered_after_ms.append(self._clock.now_ms - begun_ms)
            left = [each for each in operations if isinstance(answers[each.key], LedgerError)]
            self.count(len(operations) - len(left))
            if left:
                self._again(left, called_ms, attempt)
            else:
                self.tally.done_after_ms.append(self._clock.now_ms - called_ms)

        self.request(operations, answered)

    def request(
        self, operations: Sequence[Operation], answered: Callable[[Mapping[str, Recorded | LedgerError]], None]
    ) -> None:
        """One request to the service, sent once."""
        now_ms = self._clock.now_ms
        steps = _steps(operations, START_MS + int(now_ms))
        self._go_on(_Running(operations, steps, now_ms + DEADLINE_MS, answered), None)

    def _go_on(self, running: "_Running", outcome: CommandOutcome | None) -> None:
        remaining_ms = int(running.ends_ms - self._clock.now_ms)
        try:
            command = next(running.steps) if outcome is None else running.steps.send(Reply(outcome, remaining_ms))
        except StopIteration as ended:
            running.answered(ended.value)
        except LedgerError as error:
            running.answered({each.key: error for each in running.operations})
        else:
            self._send(running, command)

    def _send(self, running: "_Running", command: Command) -> None:
        if isinstance(command, Pause):
            pause_ms = self._rng.randrange(command.ceiling_ms + 1)
            self._clock.later(pause_ms, partial(self._go_on, running, Resumed()))
        else:
            self._table.send(command, partial(self._go_on, running))

    def count(self, recorded: int) -> None:
        self.tally.recorded += recorded
        self.tally.recorded_in_time += recorded if self._clock.now_ms <= self._ends_ms else 0

    def _again(self, left: Sequence[Operation], called_ms: float, attempt: int) -> None:
        self.tally.shed += len(left)
        jitter_s = self._rng.uniform(0, SDK.longest_pause_s(attempt))
        pause_ms = 1000 * max(jitter_s, self._rng.choice(BUSY_RETRY_AFTER_S))
        if self._clock.now_ms + pause_ms >= called_ms + SDK.deadline_s * 1000:
            self.tally.failed += len(left)
            self.tally.done_after_ms.append(self._clock.now_ms - called_ms)
        else:
            self._clock.later(pause_ms, lambda: self._attempt(left, called_ms, attempt + 1))


@dataclass(frozen=True, slots=True)
class _Running:
    operations: Sequence[Operation]
    steps: Steps[Mapping[str, Recorded | LedgerError]]
    ends_ms: float
    answered: Callable[[Mapping[str, Recorded | LedgerError]], None]


def _steps(operations: Sequence[Operation], now_ms: int) -> Steps[Mapping[str, Recorded | LedgerError]]:
    """One charge is a request of its own; several are a batch."""
    if len(operations) > 1:
        return (yield from record_batch(operations, now_ms))
    return {operations[0].key: (yield from record(operations[0], now_ms))}


@dataclass(frozen=True, slots=True)
class Result:
    """Charges are counted each by itself, also in batches.

    `shed` are answers with 429; `failed` are charges that their client gave up. `p50_ms` and `p99_ms` are those of
    whole calls, with the pauses after a 429; `answer_p99_ms` is that of one answer of the service.
    """

    offered_per_s: float
    goodput_per_s: float
    failed: int
    shed: int
    p50_ms: int
    p99_ms: int
    answer_p99_ms: int
    transactions_per_charge: float
    adds_up: bool


class AnyScenario(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def offered_per_s(self) -> int: ...

    @property
    def seconds(self) -> int: ...

    @property
    def member(self) -> bool: ...

    def start(self, clock: Clock, clients: Clients, rng: Random) -> set[Account]: ...


def run(scenario: AnyScenario, seed: int) -> Result:
    rng = Random(f"{seed}/{scenario.name}/{scenario.offered_per_s}")
    clock = Clock()
    table = Table(clock, rng)
    clients = Clients(clock, table, rng, scenario.seconds)
    accounts = scenario.start(clock, clients, rng)
    _open(table.ledger, accounts, scenario)
    table.transactions = 0
    clock.run()
    return _result(scenario, table, clients.tally, accounts)


def _arrivals(scenario: Scenario, rng: Random) -> Iterator[tuple[float, list[Operation]]]:
    numbers, at_ms = count(), 0.0
    while (at_ms := at_ms + rng.expovariate(scenario.offered_per_s / scenario.batch) * 1000) < scenario.seconds * 1000:
        account = scenario.choose(rng)
        yield at_ms, [operation(account, f"charge-{next(numbers)}", Charge(1)) for _ in range(scenario.batch)]


def _open(ledger: MemoryLedger, accounts: set[Account], scenario: AnyScenario) -> None:
    if scenario.member:
        ledger.record(operation(TEAM, "grant", GrantCredits(10**9)), START_MS)
    for account in sorted(accounts, key=lambda each: each.actor):
        ledger.record(operation(account, "grant", GrantCredits(10**9)), START_MS)
        if scenario.member:
            ledger.record(operation(account, "join", Configure(parent=TEAM.actor)), START_MS)


def operation(account: Account, key: str, terms: Terms) -> Operation:
    return Operation(account, key, terms, by="bench", correlation_id=f"request-of-{key}")


def _result(scenario: AnyScenario, table: Table, tally: Tally, accounts: set[Account]) -> Result:
    payers = [TEAM] if scenario.member else list(accounts)
    spent = sum(state.spent for state in map(table.ledger.state, payers) if state is not None)
    offered = tally.recorded + tally.failed
    done_after_ms = quantiles(tally.done_after_ms, n=100)
    return Result(
        offered_per_s=round(offered / scenario.seconds, 1),
        goodput_per_s=round(tally.recorded_in_time / scenario.seconds, 1),
        failed=tally.failed,
        shed=tally.shed,
        p50_ms=round(done_after_ms[49]),
        p99_ms=round(done_after_ms[98]),
        answer_p99_ms=round(quantiles(tally.answered_after_ms, n=100)[98]),
        transactions_per_charge=round(table.transactions / max(tally.recorded, 1), 4),
        adds_up=spent == tally.recorded,
    )


def one_of(number: int) -> Callable[[Random], Account]:
    return lambda rng: Account("main", f"user:{rng.randrange(number)}")


@dataclass(frozen=True, slots=True)
class LoopScenario:
    """Callers who charge the hot account again as soon as they are answered."""

    name: str
    callers: int
    seconds: int
    offered_per_s: int = 0
    member: bool = False

    def start(self, clock: Clock, clients: Clients, rng: Random) -> set[Account]:
        numbers = count()

        def charge(asked: Operation) -> None:
            begun_ms = clock.now_ms

            def answered(answers: Mapping[str, Recorded | LedgerError]) -> None:
                clients.tally.answered_after_ms.append(clock.now_ms - begun_ms)
                if isinstance(answers[asked.key], LedgerError):
                    clients.tally.shed += 1
                    clock.later(1000 * rng.choice(BUSY_RETRY_AFTER_S), partial(charge, asked))
                else:
                    clients.count(1)
                    clients.tally.done_after_ms.append(clock.now_ms - begun_ms)
                    go_on()

            clients.request([asked], answered)

        def go_on() -> None:
            if clock.now_ms < self.seconds * 1000:
                charge(operation(HOT, f"charge-{next(numbers)}", Charge(1)))

        for _ in range(self.callers):
            clock.later(rng.uniform(0, TRANSACTION_MS), go_on)
        return {HOT}
