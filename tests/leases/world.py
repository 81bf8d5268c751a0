"""One world: an account, a few processes with budgets on it, others who spend of it too, and a ledger.

The budgets are the shipped code: `Lease` (state and journal) and `perform` (the client's calls). The world has their
threads' part: it asks what is due, carries the calls through a bad network, and delivers the answers, in virtual time.
The same plan gives the same world.
"""

from collections import Counter
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final, Literal, TypeAlias

from millicent import ApiError
from millicent.errors import JournalFailed, MillicentError
from millicent.leases.calls import Answer, Call, Failed, Settled, SettleLines, perform
from millicent.leases.journal import Journal, Owner
from millicent.leases.lease import Lease, Reservation, spend_line
from millicent.leases.patience import WITHOUT_PROGRESS_S, Patience
from millicent.leases.state import LANES, Lane
from millicent.leases.terms import Record, Terms
from tests.leases.services import ACTOR, Service
from tests.simulation.chance import Clock

Fault: TypeAlias = Literal["lost before", "lost after", "slow", "lands after it was given up", "busy", "unavailable"]
Death: TypeAlias = Literal["killed", "closed", "power cut"]

FAULTS: Final[tuple[Fault, ...]] = (
    "lost before",
    "lost after",
    "slow",
    "lands after it was given up",
    "busy",
    "unavailable",
)
OTHERS: Final = (
    "killed",
    "closed",
    "closed at a slow ledger",
    "paused",
    "network gone",
    "slow ledger",
    "clock step",
    "disk full",
)
"""What else happens to processes; each has to happen in a run, as each of FAULTS has."""
TTL_S: Final = 60
SLICE: Final = 1_000_000
"""Microcents."""
POLL_MS: Final = 250
WAIT_MS: Final = 10_000
GIVEN_UP_MS: Final = TTL_S * 1000 // 12
SLOW_MS: Final = (1000, GIVEN_UP_MS - 500)
"""Until a slow ledger answers."""
HAPPENINGS_A_SPEND: Final = 400
_OWNER: Final = Owner("http://ledger", ACTOR)


@dataclass(frozen=True, slots=True)
class Plan:
    """`spends` are attempts, of all processes together."""

    seed: str
    spends: int
    fault_rate: float = 0.05


@dataclass(slots=True)
class Life:
    """What one process accepted, from its start to its end: amounts in microcents, by key; of sums, their total."""

    prefix: str
    record: Record
    has_journal: bool
    accepted: dict[str, int] = field(default_factory=dict)
    total: int = 0
    count: int = 0
    largest: int = 0
    end: Death | None = None
    is_abandoned: bool = False
    """Whether its budget gave up although the ledger was taking its lines."""


class FullDisk(Journal):
    """A journal on a disk that is full from time to time."""

    is_full: Callable[[], bool] = staticmethod(lambda: False)

    def put_line(self, line: Any, microcents: int) -> None:
        self._fail()
        super().put_line(line, microcents)

    def put_slice(self, asked: Any) -> None:
        self._fail()
        super().put_slice(asked)

    def drop(self, lines: Any, slices: Any) -> None:
        self._fail()
        super().drop(lines, slices)

    def _fail(self) -> None:
        if self.is_full():
            raise JournalFailed("the disk is full")


class World:
    def __init__(self, plan: Plan, service: Service, directory: Path) -> None:
        self.plan = plan
        self.service = service
        self.directory = directory
        self.random = Random(plan.seed)
        self.clock = Clock(0)
        self.happened: Counter[str] = Counter()
        self.lives: list[Life] = []
        self.is_calm = False
        """No more faults: everything is to be settled."""
        self.skew_ms = 0
        """By how much the service's clock is ahead."""
        self.slow_until_ms = 0
        self.processes = [Process(self, f"{number}") for number in range(1 + self.random.randrange(4))]
        self.funded = 0
        self.attempts = 0

    def run(self) -> None:
        self._fund(SLICE * self.random.choice((1, 10, 40, 200)))
        lasts_ms = self.plan.spends * self.random.choice((20, 100, 400))
        for process in self.processes:
            process.start(None)
        for _ in range(self.plan.spends):
            self.clock.later(self.random.randrange(lasts_ms), self._spend, self._amount())
        self._happenings(lasts_ms)
        self.clock.later(lasts_ms, self._calm_down, None)
        self.clock.run(HAPPENINGS_A_SPEND * (self.plan.spends + 1000))

    def _spend(self, microcents: int) -> None:
        """By a process that is there; a moment later if there is none."""
        ready = [each for each in self.processes if each.is_serving]
        if ready:
            self.random.choice(ready).spend(microcents)
        elif not self.is_calm:
            self.clock.later(1000, self._spend, microcents)

    def _happenings(self, lasts_ms: int) -> None:
        """Funding, other people's charges, and everything that goes wrong, about once in 30 s of each kind."""
        kinds: list[Callable[[Any], None]] = [
            *[self._top_up] * 8,
            self._charge_by_another,
            self._step_clock,
            self._slow_down,
        ]
        for process in self.processes:
            kinds += [process.kill, process.pause, process.lose_network, process.close, process.fill_disk]
        for kind in kinds:
            for _ in range(self.random.randrange(2 + lasts_ms // 90_000)):
                self.clock.later(self.random.randrange(lasts_ms), kind, None)

    def _amount(self) -> int:
        """Mostly small, now and then more than a slice."""
        most = self.random.choice((137, 1500, 1500, 20_000, 20_000, 20_000, SLICE // 5, 2 * SLICE))
        return self.random.randrange(most)

    def _fund(self, microcents: int) -> None:
        self.funded += microcents
        self.service.fund(microcents)

    def _top_up(self, _: None) -> None:
        self.at_service()
        self._fund(self.random.randrange(1, 20 * SLICE))

    def _charge_by_another(self, _: None) -> None:
        self.at_service()
        self.service.charge(self.random.randrange(SLICE))

    def _step_clock(self, _: None) -> None:
        self.happened["clock step"] += 1
        self.skew_ms += self.random.choice((500, 3000, TTL_S * 100, TTL_S * 2000))

    def _slow_down(self, _: None) -> None:
        self.happened["slow ledger"] += 1
        self.slow_until_ms = self.clock.now_ms + self.random.choice((20_000, 120_000, TTL_S * 5000))

    @property
    def is_slow(self) -> bool:
        return self.clock.now_ms < self.slow_until_ms and not self.is_calm

    def at_service(self) -> None:
        self.service.set_now_ms(self.clock.now_ms + self.skew_ms)

    def _calm_down(self, _: None) -> None:
        self.is_calm = True
        for process in self.processes:
            process.come_to_rest()

    def is_struck(self) -> bool:
        return not self.is_calm and self.random.random() < self.plan.fault_rate


class Process:
    """A seat for one process after the other, each with a budget of its own; they share the file of the journal."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.random = Random(f"{world.plan.seed}/{name}")
        self.name = name
        self.file = world.directory / f"{name}.db" if self.random.random() < 0.6 else None
        self.rate = 1 + self.random.uniform(-0.02, 0.02)
        self.offset_s = self.random.uniform(-1e6, 1e6)
        self.paused_until_ms = 0
        self.offline_until_ms = 0
        self.full_until_ms = 0
        self.last_taken_ms = 0
        self.number = 0
        self.lease: Lease | None = None
        self.journal: FullDisk | None = None
        self.life = Life("", "each", has_journal=False)
        self.is_resting = False
        self.waiting: dict[object, Callable[[], None]] = {}

    @property
    def now_s(self) -> float:
        return self.offset_s + self.rate * self.world.clock.now_ms / 1000

    def start(self, _: None) -> None:
        if self.lease is not None:
            return
        self.number += 1
        record: Record = self.random.choice(("each", "sum"))
        terms = Terms(
            slice_microcents=SLICE,
            minimum_microcents=SLICE // 100,
            record=record,
            flush_every_s=self.random.choice((0.25, 1.0, 5.0)),
            flush_at=self.random.choice((5, 50, 500)),
            ttl_s=TTL_S,
            idle_release_s=self.random.choice((5.0, 60.0)),
        )
        if self.file is not None:
            self.journal = FullDisk(self.file, _OWNER)
            self.journal.is_full = self._is_disk_full
        prefix = f"{self.world.plan.seed}.{self.name}.{self.number}"
        self.lease = Lease(terms, prefix, self.now_s, self.journal)
        self.life = Life(prefix, record, has_journal=self.file is not None)
        self.world.lives.append(self.life)
        if self.is_resting:
            self.lease.state.close()
        self.later(0, self._poll, self.lease)

    # What goes wrong.

    def kill(self, _: None, how: Death = "killed") -> None:
        if self.lease is None or self.is_resting:
            return
        self.world.happened[how] += 1
        self._end(how)
        self.later(self.random.choice((10, 10, 2000, TTL_S * 2000)), self.start, None)

    def _end(self, how: Death) -> None:
        self.life.end = how
        self.lease = None
        self.waiting.clear()
        if self.journal is not None:
            self.journal.close()
            self.journal = None

    def close(self, _: None) -> None:
        if self.lease is None or self.is_resting or self._is_paused():
            return
        self.lease.state.close()
        self.last_taken_ms = self.world.clock.now_ms
        self.later(0, self._wait_for_the_end, (self.lease, Patience(None, self.lease.state.finished)))

    def _wait_for_the_end(self, waiting: tuple[Lease, Patience]) -> None:
        """As Budget.close does. Settled or not, the process ends then: what is left is the journal's, or lost."""
        lease, patience = waiting
        if lease is not self.lease or self.is_resting:
            return
        if lease.state.is_settled or patience.left_s <= 0:
            self._closed(lease)
            return
        begun_s = self.now_s

        def look(_: None) -> None:
            patience.waited(POLL_MS / 1000, self.now_s - begun_s, lease.state.finished)
            self._wait_for_the_end(waiting)

        self.later(max(POLL_MS, self.paused_until_ms - self.world.clock.now_ms), look, None)

    def _closed(self, lease: Lease) -> None:
        now_ms = self.world.clock.now_ms
        self.world.happened["closed"] += 1
        self.world.happened["closed at a slow ledger"] += self.world.is_slow
        is_heard = (now_ms - self.last_taken_ms) / 1000 < WITHOUT_PROGRESS_S / 2
        self.life.is_abandoned = bool(lease.state.unsettled_spends) and is_heard
        self._end("closed" if lease.state.is_settled else "killed")
        self.start(None)

    def pause(self, _: None) -> None:
        self.world.happened["paused"] += 1
        self.paused_until_ms = self.world.clock.now_ms + self.random.choice(
            (500, 2000, 2000, TTL_S * 900, TTL_S * 1500)
        )

    def lose_network(self, _: None) -> None:
        self.world.happened["network gone"] += 1
        self.offline_until_ms = self.world.clock.now_ms + self.random.choice(
            (500, 2000, 5000, TTL_S * 500, TTL_S * 2000)
        )

    def fill_disk(self, _: None) -> None:
        self.world.happened["disk full"] += self.file is not None
        self.full_until_ms = self.world.clock.now_ms + 5000

    def _is_disk_full(self) -> bool:
        return self.world.clock.now_ms < self.full_until_ms and not self.world.is_calm

    def _is_paused(self) -> bool:
        return self.world.clock.now_ms < self.paused_until_ms

    def come_to_rest(self) -> None:
        self.paused_until_ms = self.offline_until_ms = 0
        self.is_resting = True
        if self.lease is None:
            self.start(None)
        assert self.lease is not None
        self.lease.state.close()

    # What it does.

    @property
    def is_serving(self) -> bool:
        return self.lease is not None and not self.lease.state.is_closing

    def spend(self, microcents: int) -> None:
        if self._is_paused():
            # It wakes, and spends before anything else can happen.
            self.later(self.paused_until_ms - self.world.clock.now_ms, self.spend, microcents)
        elif self.lease is not None and self.is_serving:
            self.world.attempts += 1
            Attempt(self, self.lease, microcents, self.world.clock.now_ms + WAIT_MS).begin()

    def _poll(self, lease: Lease) -> None:
        if lease is not self.lease:
            return
        if self._is_paused():
            self.later(self.paused_until_ms - self.world.clock.now_ms, self._poll, lease)
            return
        self.work(lease)
        if not (self.is_resting and lease.state.is_settled):
            self.later(POLL_MS, self._poll, lease)

    def work(self, lease: Lease) -> None:
        """What the threads of a budget do when they are woken."""
        for lane in LANES:
            call = lease.due(lane, self.now_s)
            if call is not None:
                self._send(lease, lane, call)

    def _send(self, lease: Lease, lane: Lane, call: Call) -> None:
        world = self.world
        fault = self._fault()
        there_ms, back_ms = (
            self.random.randrange(*(SLOW_MS if world.is_slow else (1, 30))),
            self.random.randrange(1, 30),
        )
        sent = Sent(self, lease, lane, call, _as_sent(call))
        if fault is not None:
            world.happened[fault] += 1
        # What happens to it, and after how many milliseconds.
        given_up = (GIVEN_UP_MS, sent.fail, None)
        slow_ms = self.random.randrange(GIVEN_UP_MS)
        much_later_ms = GIVEN_UP_MS + self.random.randrange(TTL_S * 1500)
        ways: dict[Fault | None, list[tuple[int, Callable[[Any], None], Any]]] = {
            None: [(there_ms, sent.arrive, back_ms)],
            "lost before": [given_up],
            "lost after": [(there_ms, sent.arrive_unheard, None), given_up],
            "lands after it was given up": [given_up, (much_later_ms, sent.arrive_unheard, None)],
            "slow": [(slow_ms, sent.arrive, GIVEN_UP_MS - slow_ms)],
            "busy": [(there_ms, sent.be_refused_for_now, "account_busy")],
            "unavailable": [(there_ms, sent.be_refused_for_now, "unavailable")],
        }
        for delay_ms, action, argument in ways[fault]:
            self.later(delay_ms, action, argument)

    def _fault(self) -> Fault | None:
        if self.world.clock.now_ms < self.offline_until_ms:
            return "lost before"
        return self.random.choice(FAULTS) if self.world.is_struck() else None

    def deliver(self, sent: "Sent", answer: Answer) -> None:
        if sent.lease is not self.lease:
            return
        if self._is_paused():
            self.later(self.paused_until_ms - self.world.clock.now_ms, lambda _: self.deliver(sent, answer), None)
            return
        if isinstance(answer, Settled) and any(result.entry is not None for result in answer.results):
            self.last_taken_ms = self.world.clock.now_ms
        sent.lease.answered(sent.call, answer, self.now_s)
        self.work(sent.lease)
        self.wake()

    def wake(self) -> None:
        """Those who wait look again, in the order in which they came."""
        for again in list(self.waiting.values()):
            again()

    def later(self, delay_ms: int, action: Callable[[Any], None], argument: Any) -> None:
        self.world.clock.later(max(delay_ms, 0), action, argument)


@dataclass(slots=True)
class Attempt:
    """A spend, with its wait for a slice; one in eight reserves first and spends a part of that later."""

    process: Process
    lease: Lease
    microcents: int
    until_ms: int
    looks: int = 0

    def begin(self) -> None:
        if self.process.random.randrange(8) == 0:
            self._reserve(None)
        else:
            self._spend(None)

    def _spend(self, reserved: Reservation | None) -> None:
        lease, process = self.lease, self.process
        if lease is not process.lease:
            return
        if process._is_paused():
            process.later(process.paused_until_ms - process.world.clock.now_ms, self._spend, reserved)
            return
        said = spend_line(None, "llm", {"model": process.random.choice("ab")}, is_summed=lease.terms.record == "sum")
        is_done = self._attempt(
            lambda: lease.spend(self.microcents, process.now_s, said, reserved, id(self)), self._spend, reserved
        )
        if is_done:
            life = process.life
            life.count += 1
            life.total += self.microcents
            life.largest = max(life.largest, self.microcents)
            if not said.is_summed:
                life.accepted[said.key] = self.microcents
        if reserved is not None and (is_done or self._is_over()):
            lease.end(reserved)
        if is_done:
            process.work(lease)

    def _reserve(self, _: None) -> None:
        process = self.process
        if self.lease is not process.lease or process._is_paused():
            self._wait_no_longer()
            return
        reserved: list[Reservation] = []

        def attempt() -> bool | None:
            found = self.lease.reserve(self.microcents, process.now_s, id(self))
            if found is None:
                return None
            reserved.append(found)
            return True

        if self._attempt(attempt, self._reserve, None):
            most = process.random.choice((self.microcents, 2 * self.microcents))
            self.microcents = process.random.randrange(most + 1)
            self.until_ms += 20_000
            process.later(process.random.choice((10, 2000, TTL_S * 700)), self._spend, reserved[0])

    def _attempt(self, attempt: Callable[[], Any], again: Callable[[Any], None], argument: Any) -> bool:
        """As Budget does: try, else say what is wanted, wait for a change, and try again until the wait is over."""
        process, wanted = self.process, self.lease.state.wanted
        self.looks += 1
        look = self.looks
        try:
            is_done = attempt() is not None
        except (ApiError, JournalFailed):
            self._wait_no_longer()
            self.until_ms = 0
            process.world.happened["refused"] += 1
            return False
        if is_done or self._is_over() or self.lease.state.is_closing:
            self._wait_no_longer()
            if not is_done:
                self.until_ms = 0
                process.world.happened["waited in vain"] += 1
            return is_done
        if id(self) not in wanted:
            self.lease.wait(id(self), self.microcents, process.now_s, argument)
            process.work(self.lease)
        process.waiting[id(self)] = lambda: again(argument)
        process.later(POLL_MS, lambda _: again(argument) if self.looks == look else None, None)
        return False

    def _wait_no_longer(self) -> None:
        self.lease.state.wanted.pop(id(self), None)
        self.process.waiting.pop(id(self), None)

    def _is_over(self) -> bool:
        return self.process.world.clock.now_ms >= self.until_ms


@dataclass(slots=True)
class Sent:
    """A call on its way."""

    process: Process
    lease: Lease
    lane: Lane
    call: Call
    as_sent: Call
    is_given_up: bool = False

    def arrive(self, back_ms: int) -> None:
        answer = self._carry_out()
        self.process.later(back_ms, lambda _: self.process.deliver(self, answer), None)

    def arrive_unheard(self, _: None) -> None:
        self._carry_out()

    def be_refused_for_now(self, failure: str) -> None:
        self.process.world.service.fail_next(failure)
        self.arrive(1)

    def fail(self, _: None) -> None:
        self.process.deliver(self, Failed(MillicentError("no answer")))

    def _carry_out(self) -> Answer:
        self.process.world.at_service()
        return perform(self.process.world.service.client, ACTOR, self.as_sent)


def _as_sent(call: Call) -> Call:
    """As its text was when it was sent; lines of the budget's change later."""
    return replace(call, lines=[copy(line) for line in call.lines]) if isinstance(call, SettleLines) else call
