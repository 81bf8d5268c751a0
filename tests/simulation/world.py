"""One world: accounts, clients, the service, everything downstream, some ten days of time, and a verdict."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from time import process_time
from typing import Final

from shared.ledger.due import may_hold_what_is_due
from shared.ledger.events import entry_event
from shared.ledger.operations import Expire, Operation
from tests.simulation.calls import Answer, Calls, Request
from tests.simulation.chance import Chance, Clock, Livelock
from tests.simulation.clients import Clients
from tests.simulation.downstream import Bus, Delivery, Outbox, Queue, Trail, Window, audit_consumer
from tests.simulation.matrix import Cell
from tests.simulation.oracle import Oracle
from tests.simulation.order import Moment
from tests.simulation.service import BACKGROUND, LedgerService
from tests.simulation.table import LedgerTable
from tests.simulation.tenants import Tenants
from tests.simulation.verdict import Verdict
from tests.simulation.workload import HOUR_MS, START_MS

OPERATIONS_MAX: Final = 10_000
"""A larger run is several worlds, each with accounts of its own."""

OUTBOX_DOWN: Final = Window(START_MS + 48 * HOUR_MS, START_MS + 96 * HOUR_MS)
AUDIT_DOWN: Final = Window(START_MS + 120 * HOUR_MS, START_MS + 168 * HOUR_MS)
BURST_HOURS: Final = (1, 5, 14, 19, 23, 28, 33, 37, 41, 46, 60, 90, 97, 102, 107, 112, 117, 130, 150, 170, 180, 190)
BURST_LASTS_MS: Final = 8000
LASTS_HOURS: Final = 240
STAMPEDE_HOUR: Final = 9
STAMPEDE_SHARE: Final = 0.1
"""Of all operations, in a world that has a stampede: thousands of requests are then under way together."""
HAPPENINGS_MAX: Final = 60
"""For each operation, and for a thousand more; a world that is well needs about ten."""
_REDRIVES_MAX: Final = 5
_SAID: Final = f"Moment({', '.join(f'{name}=%r' for name in Moment._fields)})"
"""As str says it, for the hash of a history; that would put this together for each moment."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which world: the same plan gives the same history. `watched` is the key of an operation to tell the story of."""

    seed: str
    operations: int
    fault_rate: float
    has_stampede: bool = True
    watched: str | None = None


@dataclass(slots=True)
class Outcome:
    """What came of a world. `history_hash` covers every row, answer and audit row in it; `processor_s` what it cost."""

    operations: int
    verdict: Verdict
    fired: Counter[Cell]
    counts: Counter[str]
    concurrent_max: int
    repaired: int
    history_hash: str
    processor_s: float
    story: list[str] = field(default_factory=list)


class World:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.verdict = Verdict()
        self.clock = Clock(START_MS)
        self.chance = Chance(plan.seed, plan.fault_rate)
        self.trail = Trail(self.chance)
        self.queue = Queue(self.clock, self.chance, self._consume, AUDIT_DOWN)
        self._keep = audit_consumer(self.trail)
        self.queue.handled_in_batch = lambda: self.trail.kept
        self.bus = Bus(self.clock, self.chance, self.queue)
        self.outbox = Outbox(self.clock, self.chance, self.bus, OUTBOX_DOWN)
        self.table = LedgerTable(self.outbox.on_row, lambda: self.clock.now_ms)
        self.tenants = Tenants(self.clock, plan.seed, plan.fault_rate, self.table)
        self.calls = Calls(self.clock, self.chance, LedgerService(self.chance, self.table))
        self.clients = Clients(self.clock, self.chance, self.calls, self.verdict)
        self.repaired = 0
        self.story: list[str] = []

    def run(self) -> Outcome:
        started_s = process_time()
        if self.plan.watched is not None:
            self.calls.tell = self._tell
        self.clock.later(0, self.clients.set_up, None)
        schedule(self.clock, self.clients, self.plan)
        for hour in range(LASTS_HOURS):
            self.clock.later(hour * HOUR_MS, self._do_what_is_due, hour)
        try:
            self._come_to_rest()
        except Livelock as livelock:
            self.verdict.add("lost", self.clients.customers[0].account, None, str(livelock))
        self._repair()
        self.tenants.come_to_rest(self.verdict)
        oracle = Oracle(self.verdict)
        oracle.judge(self.table, self.clients, self.trail.rows)
        oracle.judge_warnings(self.bus.warnings, self.outbox.excused)
        return self._outcome(oracle.counts, process_time() - started_s)

    def _do_what_is_due(self, hour: int) -> None:
        """What the background function does; it does not get round to all accounts."""
        now_ms = self.clock.now_ms
        for account, state in self.table.states.items():
            if may_hold_what_is_due(state, now_ms) and self.chance.below(2):
                due = Operation(account, "", Expire(), by="", correlation_id=f"hour {hour}")
                self.calls.send(Request(due, BACKGROUND, now_ms, _nobody_waits))

    def _come_to_rest(self) -> None:
        happenings_max = HAPPENINGS_MAX * (self.plan.operations + 1000)
        self.clock.run(happenings_max)
        for _ in range(_REDRIVES_MAX):
            self.queue.redrive()
            self.clock.run(happenings_max)

    def _repair(self) -> None:
        """What an operator does after failures that were reported: missing audit rows come from the ledger again.

        Only rows that ended in a failure queue have that excuse; any other that is missing is for the oracle to find.
        """
        self.chance.fault_rate = 0
        spoilt = {delivery.position for delivery in self.queue.dead if delivery.is_spoilt}
        excused = self.outbox.excused | spoilt
        trail = Trail(self.chance)
        trail.rows = self.trail.rows
        for account, seq in sorted(excused, key=lambda position: (position[0].actor, position[1])):
            entry = self.table.journal[account][seq - 1].entry
            self.repaired += trail.keep_entry(entry, entry_event(entry).detail["event_id"]) == "kept"

    def _consume(self, batch: list[Delivery]) -> list[bool]:
        """What wakes the audit function wakes the usage function too."""
        self.tenants.wake([delivery.position for delivery in batch])
        return self._keep(batch)

    def _tell(self, request: Request, what: str) -> None:
        if request.operation.key == self.plan.watched:
            self.story.append(f"{self.clock.now_ms - START_MS:>10} ms  {request.operation.correlation_id:>8}  {what}")

    def _outcome(self, counts: Counter[str], processor_s: float) -> Outcome:
        return Outcome(
            operations=self.plan.operations,
            verdict=self.verdict,
            fired=self.chance.fired + self.tenants.fired,
            counts=counts,
            concurrent_max=self.calls.under_way_max,
            repaired=self.repaired,
            history_hash=sha256("\n".join(self._history()).encode()).hexdigest(),
            processor_s=processor_s,
            story=self.story,
        )

    def _history(self) -> Iterator[str]:
        yield from (row.digest for journal in self.table.journal.values() for row in journal)
        yield from (row.event_id for rows in self.trail.rows.values() for row in rows.values())
        yield from map(_SAID.__mod__, self.clients.history)


def _nobody_waits(_request: Request, _answer: Answer | None) -> None:
    pass


def schedule(clock: Clock, clients: Clients, plan: Plan) -> None:
    """Bursts, so that many requests are under way together, spread over days; and a stampede, all at once."""
    stampede = int(plan.operations * STAMPEDE_SHARE) if plan.has_stampede else 0
    share, rest = divmod(plan.operations - stampede, len(BURST_HOURS))

    def ask(burst: tuple[int, int]) -> None:
        size, lasts_ms = burst
        for index in range(size):
            clock.later(index * lasts_ms // size, clients.ask, None)

    clock.later(STAMPEDE_HOUR * HOUR_MS, ask, (stampede, 1))
    for number, hour in enumerate(BURST_HOURS):
        clock.later(hour * HOUR_MS, ask, (share + (number < rest), BURST_LASTS_MS))
