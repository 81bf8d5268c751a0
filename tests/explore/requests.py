"""Requests under way: how far each has come, which follows from the outcomes that it was fed so far and nothing else.

A generator cannot be copied. To go on from a place more than once, it is started again and fed the same outcomes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from shared.ledger.errors import LedgerError, LedgerThrottled, LedgerUnavailable, RecordDamaged
from shared.ledger.invariants import InvariantBroken
from shared.ledger.operations import Operation
from shared.ledger.protocol import Command, CommandOutcome, Pause, Recorded, Reply, Resumed, Steps
from tests.explore.names import Name, Names
from tests.explore.tables import Reading

Answer: TypeAlias = Recorded | LedgerError | Mapping[str, Recorded | LedgerError] | int

_AMPLE_MS: Final = 5000
_LATER_MS: Final = 100_000
_OVER: Final = 10**6
_A_CALL: Final = 16
"""More than the items that one call reads."""
_AN_ATTEMPT: Final = 10_000
_RESUMED: Final = Resumed()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request: its steps as the service would begin them, and the operations that it asks for."""

    steps: Callable[[], Steps[Any]]
    operations: tuple[Operation, ...]
    what: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and asks again with the next attempt where the one before brought no answer.

    Callers of one group (`alike`) differ in nothing but the names of their keys and requests.
    """

    name: str
    attempts: tuple[Attempt, ...]
    alike: int | None = None


@dataclass(slots=True)
class Place:
    """How far a caller has come. Either `command` is the call that is to be made next, or it is over.

    `unwritten` are the operations of which a request was told that it recorded nothing, with its correlation id.
    `progress` grows with every step. `origin` is the place at which a read began that is under way.
    `problem` is what was wrong with its answer when it was given.
    """

    caller: int
    attempt: int
    progress: int
    calls: int = 0
    replies: tuple[Reply, ...] = ()
    command: Command | Reading | None = None
    answer: Answer | None = None
    unwritten: tuple[Operation, ...] = ()
    origin: int | None = None
    problem: str | None = None
    steps: Steps[Any] | None = None

    @property
    def is_over(self) -> bool:
        return self.command is None


class Requests:
    """All places, by number. `calls_max` is the number of calls after which the time of a request is over."""

    def __init__(self, callers: Sequence[Caller], calls_max: int, names: Names, *, by_replies: bool = False) -> None:
        self.places: list[Place] = []
        self.callers = callers
        self._calls_max = calls_max
        self._names = names
        self._by_replies = by_replies
        self._numbers: dict[Name, int] = {}
        self._fed: dict[tuple[int, Name], int] = {}
        self._too_late: dict[tuple[int, Name], int | None] = {}

    def begin(self, caller: int) -> int:
        return self._start(caller, 0, ())

    def answered(self, number: int, outcome: CommandOutcome) -> int:
        """Where a request is after its call had this outcome."""
        step = number, self._names.of(outcome)
        known = self._fed.get(step)
        if known is None:
            known = self._fed[step] = self._feed(self._origin_of(number), outcome, self._calls_max)
        return known

    def too_late(self, number: int, outcome: CommandOutcome) -> int | None:
        """Where a request is that gives up because its time is over by the time of this outcome; None where it goes on.

        It looks at the time only before it waits or begins anew. Until then it makes no difference when it was over.
        """
        step = number, self._names.of(outcome)
        if step not in self._too_late:
            place = self._origin_of(number)
            known = self._feed(place, outcome, place.calls + 1)
            has_ended = self.places[known].is_over or self.places[known].attempt != place.attempt
            self._too_late[step] = known if has_ended and known != self.answered(number, outcome) else None
        return self._too_late[step]

    def read_on(self, number: int, reading: Reading) -> int:
        """Where a request is after one item of several was read."""
        before = self.places[number]
        origin = number if before.origin is None else before.origin
        place = replace(before, progress=before.progress + 1, command=reading, origin=origin, steps=None)
        return self._number_of(("reading", origin, tuple(reading.found)), place)

    def killed(self, number: int) -> int:
        place = self.places[number]
        return self._again_or_over(place, None, place.unwritten)

    def wrongly_told(self, number: int, problem: str) -> int:
        """The same place, with what was wrong about the answer there."""
        return self._number_of(("wrongly told", number, problem), replace(self.places[number], problem=problem))

    def operation_of(self, key: str, request: str) -> Operation | None:
        """What this request asked for under this key; None where it was no request of a caller."""
        asked = (each for caller in self.callers for attempt in caller.attempts for each in attempt.operations)
        return next((each for each in asked if (each.key, each.correlation_id) == (key, request)), None)

    def is_of_a_request(self, correlation_id: str) -> bool:
        asked = (each for caller in self.callers for attempt in caller.attempts for each in attempt.operations)
        return any(each.correlation_id == correlation_id for each in asked)

    def _origin_of(self, number: int) -> Place:
        place = self.places[number]
        return place if place.origin is None else self.places[place.origin]

    def _start(self, caller: int, attempt: int, unwritten: tuple[Operation, ...]) -> int:
        steps = self.callers[caller].attempts[attempt].steps()
        place = Place(caller, attempt, attempt * _AN_ATTEMPT, unwritten=unwritten)
        return self._settle(place, steps, lambda: next(steps))

    def _feed(self, before: Place, outcome: CommandOutcome, calls_max: int) -> int:
        calls = before.calls + 1
        remaining_ms = _AMPLE_MS if calls < calls_max else (calls_max - calls) * _LATER_MS
        reply = Reply(outcome, remaining_ms)
        steps = self._steps_of(before)
        place = replace(
            before,
            progress=before.attempt * _AN_ATTEMPT + calls * _A_CALL,
            calls=calls,
            replies=(*before.replies, reply),
            command=None,
            steps=None,
        )
        return self._settle(place, steps, lambda: steps.send(reply))

    def _steps_of(self, place: Place) -> Steps[Any]:
        """The generator at this place. The one that came here first goes on once; for others it is run again."""
        steps, place.steps = place.steps, None
        if steps is None:
            steps = self.callers[place.caller].attempts[place.attempt].steps()
            _past_pauses(steps, next(steps), 0)
            for reply in place.replies:
                _past_pauses(steps, steps.send(reply), reply.remaining_ms)
        return steps

    def _settle(self, place: Place, steps: Steps[Any], go_on: Callable[[], Command]) -> int:
        remaining_ms = place.replies[-1].remaining_ms if place.replies else 0
        try:
            place.command = _past_pauses(steps, go_on(), remaining_ms)
        except StopIteration as ended:
            return self._ended(place, ended.value)
        except LedgerError as error:
            return self._ended(place, error)
        except InvariantBroken as broken:
            # A failure of the service: the caller is told nothing that it could rely on, and the ledger is wrong.
            return self.wrongly_told(self._ended(place, LedgerUnavailable(str(broken))), str(broken))
        place.steps = steps
        name = self._names.of(place.replies) if self._by_replies else self._names.of_steps(steps)
        return self._number_of((place.caller, place.attempt, place.unwritten, place.calls, name), place)

    def _ended(self, place: Place, answer: Answer) -> int:
        operations = self.callers[place.caller].attempts[place.attempt].operations
        told = answer if isinstance(answer, Mapping) else {each.key: answer for each in operations}
        unwritten = tuple(each for each in operations if says_unwritten(told.get(each.key)))
        is_final = not any(map(_may_be_asked_again, (answer, *told.values())))
        unwritten = (*place.unwritten, *unwritten)
        return self._over(place, answer, unwritten) if is_final else self._again_or_over(place, answer, unwritten)

    def _again_or_over(self, place: Place, answer: Answer | None, unwritten: tuple[Operation, ...]) -> int:
        if place.attempt + 1 < len(self.callers[place.caller].attempts):
            return self._start(place.caller, place.attempt + 1, unwritten)
        return self._over(place, answer, unwritten)

    def _over(self, place: Place, answer: Answer | None, unwritten: tuple[Operation, ...]) -> int:
        place = Place(place.caller, place.attempt, _OVER, answer=answer, unwritten=unwritten)
        return self._number_of((place.caller, place.attempt, unwritten, answer), place)

    def _number_of(self, shape: tuple[Any, ...], place: Place) -> int:
        number = self._numbers.setdefault(self._names.of(shape), len(self.places))
        if number == len(self.places):
            self.places.append(place)
        return number


def says_unwritten(answer: object) -> bool:
    """Whether an answer says that the request wrote nothing, and never will have."""
    is_unsure = isinstance(answer, LedgerUnavailable)
    return isinstance(answer, LedgerError) and not is_unsure


def _may_be_asked_again(answer: object) -> bool:
    return isinstance(answer, LedgerThrottled | LedgerUnavailable) and not isinstance(answer, RecordDamaged)


def _past_pauses(steps: Steps[Any], command: Command, remaining_ms: int) -> Command:
    while type(command) is Pause:
        command = steps.send(Reply(_RESUMED, remaining_ms))
    return command
