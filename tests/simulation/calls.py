"""Requests under way: each is a generator of a service, stopped at a call; faults strike when the call arrives."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from shared.ledger.errors import LedgerError
from shared.ledger.operations import Operation
from shared.ledger.protocol import Busy, Pause, Reply, Resumed, Unknown
from tests.simulation.chance import Chance, Clock, Spot
from tests.simulation.matrix import REQUEST, Fault

DEADLINE_MS: Final = 5000
TIMEOUT_MS: Final = 2000
"""How long a sender waits for an answer that does not come."""
_LANDS_WITHIN_MS: Final = 30_000
_SLOW_MS: Final = (1000, 5000)
_NETWORK_MS: Final = (2, 8)

_UNKNOWN: Final = Unknown()
_RESUMED: Final = Resumed()


class Answer(NamedTuple):
    """What a client is told. `status` is "recorded" or the code of an error.

    `content` is what another answer to the same operation must equal; `writer` the request that put it on record, where
    the service knows.
    """

    status: str
    outcome: str = ""
    seq: int = 0
    content: Any = None
    is_replayed: bool = False
    funded: int = 0
    writer: str | None = None


Steps: TypeAlias = Generator[Any, Reply, Answer]


class Batch(NamedTuple):
    """Lines of one account that are sent together."""

    lines: tuple[Operation, ...]

    @property
    def key(self) -> str:
        return " ".join(line.key for line in self.lines)

    @property
    def correlation_id(self) -> str:
        return self.lines[0].correlation_id


class Service(Protocol):
    """The system under test."""

    def steps(self, operation: Any, now_ms: int) -> Steps:
        """Of an operation or, where the service takes them, a batch."""
        ...

    def spot(self, command: Any, work_name: str) -> Spot:
        """Where in the matrix this call is."""
        ...

    def begin(self, command: Any) -> Any:
        """Told when a call is sent; what is returned is what arrives."""
        ...

    def execute(self, command: Any) -> Any:
        """Carries a call out. The answer is what the service's steps are fed with."""
        ...


@dataclass(slots=True, eq=False)
class Request:
    """`on_end` is told the answer; None where none arrives. That to a batch has the answer to each line by its key."""

    operation: "Operation | Batch"
    work_name: str
    now_ms: int
    on_end: "Callable[[Request, Answer | None], None]"
    steps: Steps | None = None
    command: Any = None
    ends_at_ms: int = 0
    is_answer_lost: bool = False


class Calls:
    """Runs requests against a service, one happening a call. `tell` hears of everything that is out of the ordinary."""

    def __init__(self, clock: Clock, chance: Chance, service: Service) -> None:
        self._clock = clock
        self._chance = chance
        self._service = service
        self._request_spot = chance.spot(REQUEST)
        self.under_way = 0
        self.under_way_max = 0
        self.tell: Callable[[Request, str], None] | None = None
        self._strikes: dict[Fault, Callable[[Request], None]] = {
            Fault.THROTTLED: lambda request: self._reply(request, Busy(throttled=True)),
            Fault.CONFLICT: lambda request: self._reply(request, Busy()),
            Fault.LOST_BEFORE: self._time_out,
            Fault.LOST_AFTER: self._lose_answer,
            Fault.LANDS_LATE: self._land_late,
            Fault.KILLED_BEFORE: self._kill,
            Fault.KILLED_AFTER: self._kill_after,
            Fault.SLOW: self._answer_slowly,
            Fault.CORRUPTED: self._corrupt_answer,
        }

    def send(self, request: Request) -> None:
        fault = self._request_spot.draw()
        if fault is Fault.LOST_BEFORE:
            self._clock.later(TIMEOUT_MS, self._end_unanswered, request)
            return
        request.is_answer_lost = fault is Fault.LOST_AFTER
        request.ends_at_ms = self._clock.now_ms + DEADLINE_MS
        request.steps = self._service.steps(request.operation, request.now_ms)
        self.under_way += 1
        self.under_way_max = max(self.under_way_max, self.under_way)
        self._go_on(request, None)

    def _go_on(self, request: Request, reply: Reply | None) -> None:
        assert request.steps is not None
        try:
            command = request.steps.send(reply)  # type: ignore[arg-type]  # a generator is started with None
        except StopIteration as ended:
            self._end(request, ended.value)
        except LedgerError as error:
            self._end(request, Answer(error.code))
        else:
            self._ask(request, command)

    def _ask(self, request: Request, command: Any) -> None:
        if type(command) is Pause:
            self._later(self._chance.below(command.ceiling_ms + 1), request, _RESUMED)
        else:
            request.command = self._service.begin(command)
            shortest_ms, spread_ms = _NETWORK_MS
            self._clock.later(shortest_ms + self._chance.below(spread_ms), self._arrive, request)

    def _arrive(self, request: Request) -> None:
        fault = self._service.spot(request.command, request.work_name).draw()
        if self.tell is not None:
            self.tell(request, f"{type(request.command).__name__}: {fault or 'carried out'}")
        if fault is None:
            self._reply(request, self._service.execute(request.command))
        else:
            self._strikes[fault](request)

    def _reply(self, request: Request, outcome: Any) -> None:
        self._go_on(request, Reply(outcome, request.ends_at_ms - self._clock.now_ms))

    def _later(self, delay_ms: int, request: Request, outcome: Any) -> None:
        self._clock.later(delay_ms, self._resume, (request, outcome))

    def _resume(self, waiting: tuple[Request, Any]) -> None:
        self._reply(*waiting)

    def _time_out(self, request: Request) -> None:
        self._later(TIMEOUT_MS, request, _UNKNOWN)

    def _lose_answer(self, request: Request) -> None:
        self._service.execute(request.command)
        self._time_out(request)

    def _land_late(self, request: Request) -> None:
        self._clock.later(TIMEOUT_MS + self._chance.below(_LANDS_WITHIN_MS), self._service.execute, request.command)
        self._time_out(request)

    def _kill(self, request: Request) -> None:
        assert request.steps is not None
        request.steps.close()
        self._end(request, None)

    def _kill_after(self, request: Request) -> None:
        self._service.execute(request.command)
        self._kill(request)

    def _answer_slowly(self, request: Request) -> None:
        shortest_ms, spread_ms = _SLOW_MS
        outcome = self._service.execute(request.command)
        self._later(shortest_ms + self._chance.below(spread_ms), request, outcome)

    def _corrupt_answer(self, request: Request) -> None:
        self._service.execute(request.command)
        self._reply(request, _UNKNOWN)

    def _end(self, request: Request, answer: Answer | None) -> None:
        self.under_way -= 1
        request.steps = request.command = None
        heard = None if request.is_answer_lost else answer
        if self.tell is not None:
            self.tell(request, f"told {heard.status} {heard.outcome} {heard.seq or ''}" if heard else "told nothing")
        request.on_end(request, heard)

    def _end_unanswered(self, request: Request) -> None:
        request.on_end(request, None)
