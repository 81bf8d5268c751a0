"""The search: from every state all that may happen next, until nothing can. Counts histories, and finds the shortest.

A state is the table, the writes under way, and how far each caller has come. These reductions are made, each of which
leaves out no behaviour:

    seen before    States that are equal have the same future. So a state is gone on from once, with the number of the
                   histories that lead to it; at an end, that number is counted. No history is left out of the count.
    at once        What a request does between two calls (a pause, its arithmetic, its end) touches nothing that others
                   see: it happens together with the call before.
    alike          Callers that differ in nothing but names, none of which has begun: the first of them begins, on
                   behalf of all, and the histories are counted as many times.
    in vain        A write under way whose key is taken or whose state has moved on can never be applied, as neither is
                   ever undone: it is forgotten. That the answer of a commit is lost after the write is tried where
                   the table would apply it; where not, it is as if it had been lost before.
    twice          The same write under way twice counts as under way once: the second cannot be applied any more once
                   the first is.
    of a read      A read changes nothing: whether it was lost before or after, or in the middle of its items, makes no
                   difference to anybody.
    in time        A request looks at its time before it waits or begins anew, and nowhere else. So that time is over
                   is tried at every outcome that makes a request give up then, and not at others.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from shared.ledger.protocol import Busy, CommandOutcome, Commit, FindDue, Found, FoundDue, Read, Unknown
from tests.explore.judge import Judge
from tests.explore.names import Names
from tests.explore.requests import Requests
from tests.explore.scenarios import Scenario
from tests.explore.tables import Reading, Shelf

State: TypeAlias = tuple[int, tuple[int, ...], tuple[int, ...]]
"""The number of the table, of the commits under way, and of the place of each caller."""

ANSWERED: Final = "answered"
READS_ON: Final = "reads one item, and goes on"
LATE_INDEX: Final = "answered by an index that trails"
CONFLICT: Final = "in conflict with another transaction"
THROTTLED: Final = "throttled"
LOST_BEFORE: Final = "lost on the way there"
LOST: Final = "no answer, and the write is under way"
KILLED: Final = "the process is killed before the call"
KILLED_AFTER: Final = "the process is killed, and the write is under way"
LANDS: Final = "the write lands"
TOO_LATE: Final = ", and its time is over"
_FAULTLESS: Final = frozenset({ANSWERED, READS_ON, LANDS})
_NONE: Final = -1


class Move(NamedTuple):
    """What may happen to one caller next: where it is then, which table there is, and the write that is under way."""

    what: str
    place: int
    table: int = _NONE
    under_way: int = _NONE


class Step(NamedTuple):
    """From one state to the next; `caller` is -1 where a write lands. It stands for as many steps as `callers`."""

    what: str
    caller: int
    state: State
    callers: int = 1


@dataclass(slots=True)
class Explored:
    """`histories` came to their end, `broken` to a state that must not be. `states` and `steps`: those that differ."""

    histories: int = 0
    broken: int = 0
    states: int = 0
    steps: int = 0
    tables: int = 0
    problems: list[str] = field(default_factory=list)


class Broken(NamedTuple):
    """What is broken, and the steps to it, each with the state that it goes from."""

    problem: str
    way: list[tuple[State, Step]]
    cost: int


class Search:
    """One scenario."""

    def __init__(self, scenario: Scenario, calls_max: int, *, by_replies: bool = False) -> None:
        names = Names()
        self.shelf = Shelf(names)
        self.requests = Requests(scenario.callers, calls_max, names, by_replies=by_replies)
        self._judge = Judge(self.shelf, self.requests)
        self.begin: State = (
            self.shelf.number_of(scenario.table()),
            (),
            tuple(self.requests.begin(caller) for caller in range(len(scenario.callers))),
        )
        self._groups = [caller.alike for caller in scenario.callers]
        self._faults: dict[int, list[Move]] = {}
        self._moves: dict[tuple[int, int], list[Move]] = {}

    def explore(self) -> Explored:
        """Goes through all states in an order in which each comes after all that lead to it."""
        found = Explored()
        waiting: dict[int, dict[State, int]] = {self._rank(self.begin): {self.begin: 1}}
        ranks = list(waiting)
        while ranks:
            for state, count in waiting.pop(heapq.heappop(ranks)).items():
                found.states += 1
                problem = self._judge.problem_of(state)
                if problem is not None:
                    found.broken += count
                    found.problems += [problem] if problem not in found.problems else []
                    continue
                is_end = True
                for step in self.steps_from(state):
                    is_end = False
                    found.steps += 1
                    rank = self._rank(step.state)
                    if rank not in waiting:
                        waiting[rank] = {}
                        heapq.heappush(ranks, rank)
                    states = waiting[rank]
                    states[step.state] = states.get(step.state, 0) + count * step.callers
                if is_end:
                    found.histories += count
        found.tables = len(self.shelf.tables)
        return found

    def shortest_broken(self) -> Broken | None:
        """The shortest history to what is broken, where a step costs one and a fault one more."""
        came_from: dict[State, tuple[State, Step]] = {}
        waiting: dict[int, dict[State, tuple[State, Step] | None]] = {0: {self.begin: None}}
        cost = 0
        while waiting:
            for state, before in waiting.pop(cost, {}).items():
                if state in came_from or (before is None and cost):
                    continue
                if before is not None:
                    came_from[state] = before
                problem = self._judge.problem_of(state)
                if problem is not None:
                    return Broken(problem, _way_to(state, came_from), cost)
                for step in self.steps_from(state):
                    costs = cost + (1 if step.what in _FAULTLESS else 2)
                    waiting.setdefault(costs, {}).setdefault(step.state, (state, step))
            cost += 1
        return None

    def steps_from(self, state: State) -> Iterator[Step]:
        table, under_way, places = state
        for caller, place in enumerate(places):
            count = self._begins_for(caller, places)
            if not count or self.requests.places[place].is_over:
                continue
            for move in self._moves_of(place, table):
                moved = (*places[:caller], move.place, *places[caller + 1 :])
                after = table if move.table == _NONE else move.table
                writes = under_way
                if move.under_way != _NONE and move.under_way not in under_way:
                    writes = tuple(sorted((*under_way, move.under_way)))
                yield Step(move.what, caller, (after, self._not_in_vain(writes, table, after), moved), count)
        for commit in under_way:
            after = self.shelf.commit(table, commit)[1]
            yield Step(LANDS, _NONE, (after, self._not_in_vain(under_way, table, after), places))

    def _begins_for(self, caller: int, places: tuple[int, ...]) -> int:
        """For how many callers this one stands: for none where another that is alike begins first."""
        group, begin = self._groups[caller], self.begin[2]
        if group is None or places[caller] != begin[caller]:
            return 1
        fresh = [each for each, alike in enumerate(self._groups) if alike == group and places[each] == begin[each]]
        return len(fresh) if fresh[0] == caller else 0

    def _not_in_vain(self, under_way: tuple[int, ...], before: int, after: int) -> tuple[int, ...]:
        if before == after or not under_way:
            return under_way
        return tuple(commit for commit in under_way if self.shelf.would_apply(after, commit))

    def _moves_of(self, place: int, table: int) -> list[Move]:
        known = self._moves.get((place, table))
        if known is None:
            moves = [*self._answers(place, table), *self._faults_of(place)]
            known = self._moves[place, table] = [self._as_told(move, table) for move in moves]
        return known

    def _as_told(self, move: Move, table: int) -> Move:
        problem = self._judge.problem_when_told(table if move.table == _NONE else move.table, move.place)
        return move if problem is None else move._replace(place=self.requests.wrongly_told(move.place, problem))

    def _answers(self, number: int, table: int) -> Iterator[Move]:
        command = self.requests.places[number].command
        if isinstance(command, Read | Reading):
            yield from self._read(number, Reading(command) if isinstance(command, Read) else command, table)
        elif isinstance(command, FindDue):
            for what, due in zip((ANSWERED, LATE_INDEX), self.shelf.tables[table].listings(command), strict=False):
                yield from self._outcome(what, number, FoundDue(due))
        elif isinstance(command, Commit):
            yield from self._commit(number, self.shelf.commit_number_of(command), table)
        else:
            outcome = self.shelf.tables[table].execute(command)
            yield from self._outcome(ANSWERED, number, outcome)

    def _outcome(
        self, what: str, number: int, outcome: CommandOutcome, *, table: int = _NONE, under_way: int = _NONE
    ) -> Iterator[Move]:
        """The outcome in time and, where the request then gives up, too late."""
        yield Move(what, self.requests.answered(number, outcome), table, under_way)
        given_up = self.requests.too_late(number, outcome)
        if given_up is not None:
            yield Move(f"{what}{TOO_LATE}", given_up, table, under_way)

    def _read(self, number: int, reading: Reading, table: int) -> Iterator[Move]:
        read = reading.next_item(self.shelf.tables[table])
        if isinstance(read, Found):
            yield from self._outcome(ANSWERED, number, read)
        else:
            yield Move(READS_ON, self.requests.read_on(number, read))

    def _commit(self, number: int, commit: int, table: int) -> Iterator[Move]:
        outcome, after = self.shelf.commit(table, commit)
        yield from self._outcome(ANSWERED, number, outcome, table=after)
        if self.shelf.would_apply(table, commit):
            yield from self._outcome(LOST, number, Unknown(), under_way=commit)
            yield Move(KILLED_AFTER, self.requests.killed(number), under_way=commit)

    def _faults_of(self, number: int) -> list[Move]:
        known = self._faults.get(number)
        if known is None:
            known = self._faults[number] = list(self._faults_at(number))
        return known

    def _faults_at(self, number: int) -> Iterator[Move]:
        if isinstance(self.requests.places[number].command, Reading):
            # Lost or killed in the middle of a read is as if before it: what was read is thrown away.
            return
        yield from self._outcome(CONFLICT, number, Busy())
        yield from self._outcome(THROTTLED, number, Busy(throttled=True))
        yield from self._outcome(LOST_BEFORE, number, Unknown())
        yield Move(KILLED, self.requests.killed(number))

    def _rank(self, state: State) -> int:
        """Grows with every step: a call makes progress, and a write that lands is no longer under way."""
        places = self.requests.places
        return 2 * sum([places[place].progress for place in state[2]]) - len(state[1])


def _way_to(state: State, came_from: dict[State, tuple[State, Step]]) -> list[tuple[State, Step]]:
    way: list[tuple[State, Step]] = []
    while state in came_from:
        before, step = came_from[state]
        way.append((before, step))
        state = before
    return way[::-1]
