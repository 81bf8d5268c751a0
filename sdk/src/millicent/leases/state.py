"""The state of a budget: slices, what was spent of them and is not settled yet, reservations and refusals.

No I/O, no clock, no threads: time comes in as seconds of a clock that never goes back, the next call comes out of
`due`, and what came of it goes into `answered`. All amounts are microcents.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from millicent.amounts import microcents as microcents_of
from millicent.errors import (
    ApiError,
    Circumstances,
    Forbidden,
    InsufficientCredits,
    NotFound,
    Throttled,
    Unauthenticated,
    Unreachable,
    error_from,
)
from millicent.errors import Refused as RefusedOnRecord
from millicent.leases import calls
from millicent.leases.calls import Answer, Call, ExtendHold, Line, PlaceHold, ReleaseHold, SettleLines
from millicent.leases.lanes import PAUSES, LaneState
from millicent.leases.slices import Counts, Over, Refusal, Slice, told_for
from millicent.leases.terms import Terms
from millicent.models import BatchResult, Problem

Lane: TypeAlias = Literal["holds", "lines"]
"""Calls of two lanes run side by side: slices come and last while batches are on their way."""
LANES: Final[tuple[Lane, ...]] = ("holds", "lines")

REFUSED_FOR_S: Final = 1.0
"""For so long a refusal of the ledger answers for it. Each refused hold is an entry, and none is placed meanwhile."""
_REJECTED_KEPT: Final = 100
_DEFECT: Final = 500
_ENDED: Final = frozenset({"hold_expired", "hold_released", "hold_captured", "hold_not_found", "exceeds_hold"})
"""Problems of a line that say that its hold does not pay for it, and will not."""


class BudgetState:
    """`prefix` begins every key. What is not settled yet is `bounded` where a crash would lose it: to one slice."""

    def __init__(self, terms: Terms, prefix: str, now_s: float, *, bounded: bool) -> None:  # noqa: PLR0915 - one for each thing that it knows
        self.terms = terms
        self.counts = Counts()
        self.slices: dict[int, Slice] = {}
        self.wanted: dict[object, int] = {}
        """What is waited for of a slice, by the ticket of who waits: the first came first."""
        self.covered: set[object] = set()
        """Tickets of those who wait for more than that, since a reservation covers the rest."""
        self.unsettled_microcents = 0
        self.unsettled_spends = 0
        self.finished = 0
        """Lines and slices that were brought to their end."""
        self.is_closing = False
        self.last_error: Exception | None = None
        self.rejected: list[tuple[Line, BatchResult]] = []
        self.on_result: Callable[[str, BatchResult], None] | None = None
        self._prefix = prefix
        self._bound = terms.slice_microcents if bounded else None
        self._low_water = terms.low_water_microcents
        self._next_slice = 1
        self._next_line = 0
        self._live: list[Slice] = []
        """Those that are spent of, oldest first."""
        self._unsent: dict[str, Line] = {}
        self._sent: dict[str, Line] = {}
        self._asking: Slice | None = None
        self._refusal: Refusal | None = None
        self._is_prefetch_refused = False
        self._unsent_since_s: float | None = None
        self._last_spend_s = now_s
        self._most_lines = terms.flush_at
        """In a batch: fewer after one that was not answered in time, or was refused whole."""
        self._lanes = {lane: LaneState.begun(terms.ttl_s, prefix) for lane in LANES}

    # What is spent.

    @property
    def left(self) -> int:
        return sum(each.left for each in self._live)

    @property
    def is_settled(self) -> bool:
        return not (self.slices or self._unsent or self._sent)

    @property
    def last_failure(self) -> Exception | None:
        """Why what is not settled is not, if the ledger did not answer, was busy or refused a batch whole."""
        return self._lanes["lines"].failure or self._lanes["holds"].failure

    @property
    def is_bounded(self) -> bool:
        return self._bound is not None

    def must_wait(self, microcents: int, now_s: float, ticket: object) -> bool:
        """Whether a flush has to come first, since a crash would lose more than a slice; or others who came before."""
        if self.wanted and self._is_behind(microcents, now_s, ticket):
            return True
        if self._bound is None or not self.unsettled_microcents:
            return False
        return self.unsettled_microcents + microcents > self._bound

    def _is_behind(self, microcents: int, now_s: float, ticket: object) -> bool:
        """Whether somebody came before, has a slice, and there is not room for both.

        Who has no slice waits for the ledger, and others may go on. Where there is room for all, nobody waits: or each
        spend of several threads would wait until another thread has run.
        """
        before = 0
        for other, wanted in self.wanted.items():
            if other == ticket:
                break
            if self.fitting(wanted, now_s) is not None:
                if other in self.covered:
                    return True
                before += wanted
        return before > 0 and not self._has_room(before + microcents, now_s)

    def _has_room(self, microcents: int, now_s: float) -> bool:
        is_within = self._bound is None or self.unsettled_microcents + microcents <= self._bound
        return is_within and self.fitting(microcents, now_s) is not None

    def fitting(self, microcents: int, now_s: float) -> Slice | None:
        """The oldest slice that has so much left."""
        for each in self._live:
            if each.left >= microcents and now_s < each.lasts_until_s:
                return each
        return None

    def new_key(self) -> str:
        """Of a line."""
        self._next_line += 1
        return f"{self._prefix}.{self._next_line}"

    def is_unsettled(self, key: str) -> bool:
        return key in self._unsent or key in self._sent

    def take(self, taken_from: Slice, line: Line, microcents: int, now_s: float) -> bool:
        """Spends of a slice that was chosen for it. Whether the background has something to do at once."""
        taken_from.left -= microcents
        self._add(taken_from, line, microcents)
        self._last_spend_s = now_s
        if self._unsent_since_s is None:
            self._unsent_since_s = now_s
        return (
            len(self._unsent) >= self.terms.flush_at
            or self._is_bound_near
            # What is left of one slice may be enough to know that all together are not low.
            or ((taken_from.left < self._low_water or taken_from.is_retired) and self._wants_another)
        )

    def _add(self, taken_from: Slice, line: Line, microcents: int) -> None:
        if not line.count:
            taken_from.unsettled += 1
            if line.is_summed:
                taken_from.sums[line.group] = line
            else:
                self._unsent[line.key] = line
        line.microcents += microcents
        line.count += 1
        self.unsettled_microcents += microcents
        self.unsettled_spends += 1
        self.counts.spends += 1
        self.counts.spent_microcents += microcents

    # What is reserved.

    def reserve(self, taken_from: Slice, microcents: int, now_s: float) -> None:
        """The slice is kept until `unreserve`."""
        taken_from.left -= microcents
        taken_from.reservations += 1
        self._last_spend_s = now_s

    def unreserve(self, taken_from: Slice) -> None:
        taken_from.reservations -= 1

    # What is refused.

    def refusal_of(self, microcents: int, now_s: float) -> ApiError | None:
        """The refusal of a spend that fits into no slice, if the ledger has just said that no hold is to be had."""
        refusal = self._refusal
        if refusal is None or now_s >= refusal.until_s:
            return None
        own = self._loose
        if isinstance(refusal.error, InsufficientCredits) and microcents <= refusal.largest + own:
            return None
        return told_for(refusal, microcents, own)

    @property
    def _loose(self) -> int:
        """What could go back to the account at once, for a hold that takes it whole."""
        return sum(each.left for each in self._live if not each.reservations)

    # What is to be done.

    def due(self, lane: Lane, now_s: float) -> Call | None:
        """The next call of the lane, which has to be answered before there is another."""
        state = self._lanes[lane]
        if state.is_calling or now_s < state.pause_until_s:
            return None
        call = self._due_line(now_s) if lane == "lines" else self._due_hold(now_s)
        state.is_calling = call is not None
        return call

    def hasten(self, now_s: float) -> list[str]:
        """A flush is due; the keys of what is not settled now."""
        self._unsent_since_s = now_s - self.terms.flush_every_s
        self._sum_up()
        return [*self._sent, *self._unsent]

    def _sum_up(self) -> None:
        """Sums that are to be sent grow no more."""
        for each in self.slices.values():
            self._unsent |= {line.key: line for line in each.sums.values()}
            each.sums.clear()

    def retire_all(self) -> None:
        """Every slice is settled and released."""
        for each in list(self._live):
            self._retire(each)

    def close(self) -> None:
        self.is_closing = True
        self.retire_all()

    def adopt(self, asked: PlaceHold, lines: Sequence[Line]) -> None:
        """A slice of an earlier process, and what that had accepted: it is settled and released, not spent."""
        number = asked.slice
        self._next_slice = max(self._next_slice, number + 1)
        # Its answer may have come or not: it is asked for again, under its key.
        slice_ = Slice(number, asked.key, replace(asked, is_repeated=True), is_retired=True)
        self.slices[number] = slice_
        for line in lines:
            slice_.unsettled += 1
            self._unsent[line.key] = line
            self.unsettled_microcents += line.microcents
            self.unsettled_spends += line.count

    def _due_line(self, now_s: float) -> SettleLines | None:
        if not self._is_flush_due(now_s):
            return None
        self._sum_up()
        lines = list(self._sendable(self._most_lines))
        if not lines:
            return None
        for line in lines:
            self._sent[line.key] = self._unsent.pop(line.key)
        if not self._unsent:
            self._unsent_since_s = None
        elif not len(lines) == self._most_lines < self.terms.flush_at:
            # Else these would have gone with the others, if batches were not small for the time being.
            self._unsent_since_s = now_s
        self.counts.flushes += 1
        return SettleLines(lines=lines, holds={line.slice: self._hold_of(line) for line in lines})

    def _sendable(self, most: int) -> Iterator[Line]:
        found = (line for line in self._unsent.values() if self.slices[line.slice].hold is not None)
        for _, line in zip(range(most), found, strict=False):
            yield line

    def _hold_of(self, line: Line) -> str:
        hold = self.slices[line.slice].hold
        assert hold is not None  # noqa: S101 - only such a line is sent
        return hold

    def _is_flush_due(self, now_s: float) -> bool:
        since_s = self._unsent_since_s
        return (
            len(self._unsent) >= self.terms.flush_at
            or (since_s is not None and now_s - since_s >= self.terms.flush_every_s)
            or self._is_bound_near
            or self.is_closing
            or self._is_settling
            or (self._bound is not None and bool(self.wanted))
        )

    @property
    def _is_bound_near(self) -> bool:
        return self._bound is not None and 2 * self.unsettled_microcents >= self._bound

    @property
    def _wants_another(self) -> bool:
        return not self._is_prefetch_refused and self._asking is None and self._is_low

    @property
    def _is_low(self) -> bool:
        return self.left < self._low_water

    @property
    def _is_settling(self) -> bool:
        return any(each.is_retired and each.unsettled for each in self.slices.values())

    def _due_hold(self, now_s: float) -> Call | None:
        self._look_at_the_clock(now_s)
        return self._due_extension(now_s) or self._due_placing(now_s) or self._due_release()

    def _look_at_the_clock(self, now_s: float) -> None:
        for each in list(self._live):
            if now_s >= each.ends_at_s:
                self._end(each)
            elif each.left == 0 and not each.reservations:
                self._retire(each)
        if self._live and now_s - self._last_spend_s >= self.terms.idle_release_s and not self.wanted:
            for each in list(self._live):
                if not each.reservations:
                    self._retire(each)

    def _due_extension(self, now_s: float) -> ExtendHold | None:
        for each in self.slices.values():
            if each.hold is None or each.has_ended or not each.is_needed or now_s < each.extend_at_s:
                continue
            each.extensions += 1
            return ExtendHold(
                slice=each.number,
                hold=each.hold,
                # One that was adopted may have been extended before.
                key=f"{self._prefix}.{each.number}.extend.{each.extensions}",
                ttl_s=self.terms.ttl_s,
                asked_at_s=now_s,
            )
        return None

    def _due_placing(self, now_s: float) -> PlaceHold | None:
        unknown = self._asking or next((each for each in self.slices.values() if each.hold is None), None)
        if unknown is not None:
            return unknown.asked
        if self.is_closing:
            return None
        needed = [size for size in self.wanted.values() if self._needs_a_slice(size, now_s)]
        if needed:
            # A spend of 0 needs a hold too, and none holds nothing.
            return None if self._is_merging else self._place(now_s, max(min(needed), 1), max(needed))
        if self._is_prefetch_refused or not self._is_low:
            return None
        if now_s - self._last_spend_s >= self.terms.idle_release_s:
            return None
        return self._place(now_s, self.terms.minimum_microcents, 0)

    def _needs_a_slice(self, size: int, now_s: float) -> bool:
        return self.fitting(size, now_s) is None and self.refusal_of(size, now_s) is None

    @property
    def _is_merging(self) -> bool:
        """Whether what is left of slices is on its way back to the account, from which a hold may then take it."""
        return any(each.is_retired and each.left and not each.has_ended for each in self.slices.values())

    def _place(self, now_s: float, least: int, most: int) -> PlaceHold:
        number, self._next_slice = self._next_slice, self._next_slice + 1
        asked = PlaceHold(
            slice=number,
            key=f"{self._prefix}.slice.{number}",
            microcents=max(self.terms.slice_microcents, most),
            minimum_microcents=least,
            ttl_s=self.terms.ttl_s,
            app=self.terms.app,
            meter=self.terms.meter,
        )
        self._asking = self.slices[number] = Slice(number, asked.key, asked)
        # From before the first time that it was sent: a repetition may find a hold that began then.
        self._last_from(self._asking, now_s)
        return asked

    def _due_release(self) -> ReleaseHold | None:
        for each in self.slices.values():
            if each.hold is not None and not each.is_needed:
                return ReleaseHold(slice=each.number, hold=each.hold, key=f"{each.key}.release")
        return None

    def _last_from(self, each: Slice, asked_at_s: float) -> None:
        each.lasts_until_s = asked_at_s + self.terms.usable_s
        each.ends_at_s = asked_at_s + self.terms.ttl_s
        each.extend_at_s = asked_at_s + self.terms.extended_after_s

    def _retire(self, each: Slice) -> None:
        each.is_retired = True
        self._live.remove(each)

    def _end(self, each: Slice) -> None:
        """Its hold has ended, as far as anybody here can know: nothing of it is left."""
        each.has_ended = True
        each.left = 0
        if not each.is_retired:
            self._retire(each)

    # What came of it.

    def answered(self, call: Call, answer: Answer, now_s: float) -> Over:
        lane: Lane = "lines" if isinstance(call, SettleLines) else "holds"
        state = self._lanes[lane]
        state.is_calling = False
        if isinstance(answer, calls.Failed):
            self._failed(state, call, answer, now_s)
            return Over()
        if lane == "holds":
            state.answered()
        over = self._learn(call, answer, now_s)
        self.finished += len(over.lines) + len(over.slices)
        return over

    def _learn(self, call: Call, answer: Answer, now_s: float) -> Over:
        match call:
            case SettleLines():
                return self._heard_of_lines(call, answer, now_s)
            case PlaceHold():
                return self._placed(call, answer, now_s)
            case ExtendHold():
                return self._extended(call, answer)
            case ReleaseHold():
                return self._released(call, answer)

    def _failed(self, state: LaneState, call: Call, failed: calls.Failed, now_s: float) -> None:
        self.last_error = failed.error
        self.counts.failures += 1
        state.failed(failed.error, now_s)
        match call:
            case SettleLines(lines=lines):
                # Where nothing got through, or too many calls did, the lines are not the cause.
                if not isinstance(failed.error, Unreachable | Throttled):
                    self._halve(lines)
                self._unsend(lines, now_s)
            case PlaceHold(slice=number):
                self.slices[number].asked = replace(call, is_repeated=True)

    def _halve(self, lines: Sequence[Line]) -> None:
        """Until the line is alone that keeps the others from the record."""
        self._most_lines = max(len(lines) // 2, 1)

    def _unsend(self, lines: Sequence[Line], now_s: float) -> None:
        """They come first, in their order. A line that was sent alone comes last: the others may do better."""
        for line in lines:
            del self._sent[line.key]
        back = {line.key: line for line in lines}
        self._unsent = self._unsent | back if len(lines) == 1 else back | self._unsent
        if lines:
            self._unsent_since_s = now_s - self.terms.flush_every_s

    def _heard_of_lines(self, call: SettleLines, answer: Answer, now_s: float) -> Over:
        if isinstance(answer, calls.Settled):
            return self._settled(call.lines, answer.results, now_s)
        assert isinstance(answer, calls.Refused)  # noqa: S101 - the only other answer to lines
        return self._refused_whole(call.lines, answer.error, now_s)

    def _refused_whole(self, lines: Sequence[Line], error: ApiError, now_s: float) -> Over:
        """One of the lines, or all together, the service will never take. It says so at once: there is no pause."""
        self.last_error = error
        if len(lines) == 1:
            results = [BatchResult(key=lines[0].key, status=error.status, problem=error.problem)]
            return self._settled(lines, results, now_s)
        self._lanes["lines"].failure = error
        self._halve(lines)
        self._unsend(lines, now_s)
        return Over()

    def _settled(self, lines: Sequence[Line], results: Sequence[BatchResult], now_s: float) -> Over:
        self._most_lines = min(2 * self._most_lines, self.terms.flush_at)
        over: list[str] = []
        again: list[Line] = []
        rejected: list[tuple[Line, BatchResult]] = []
        left_open: BatchResult | None = None
        for line, result in zip(lines, results, strict=True):
            if result.entry is not None:
                self._count_settled(line)
            elif _is_open(result) or self._is_to_be_late(line, result):
                left_open = result if _is_open(result) else left_open
                again.append(line)
                continue
            else:
                rejected.append((line, result))
            over.append(line.key)
            self._finish(line)
            if self.on_result is not None:
                self.on_result(line.key, result)
        self.counts.rejected += sum(line.count for line, _ in rejected)
        self.rejected = [*self.rejected, *rejected][-_REJECTED_KEPT:]
        if over or left_open is None:
            self._lanes["lines"].answered()
        if left_open is not None:
            self.last_error = error = error_of(left_open)
            self._lanes["lines"].failed(error, now_s)
        self._unsend(again, now_s)
        return Over(lines=over, rejected=rejected)

    def _is_to_be_late(self, line: Line, result: BatchResult) -> bool:
        if line.is_late or result.problem is None or result.problem.code not in _ENDED:
            return False
        line.is_late = True
        if result.problem.code != "exceeds_hold":
            self._end(self.slices[line.slice])
        return True

    def _count_settled(self, line: Line) -> None:
        counts = self.counts
        counts.settled += line.count
        counts.settled_microcents += line.microcents
        if line.is_late:
            counts.late += line.count
            counts.late_microcents += line.microcents

    def _finish(self, line: Line) -> None:
        del self._sent[line.key]
        self.slices[line.slice].unsettled -= 1
        self.unsettled_microcents -= line.microcents
        self.unsettled_spends -= line.count

    def _placed(self, call: PlaceHold, answer: Answer, now_s: float) -> Over:
        each = self.slices[call.slice]
        self._asking = None
        if isinstance(answer, calls.Placed):
            self._begin(each, answer, now_s)
            return Over()
        assert isinstance(answer, calls.Refused)  # noqa: S101 - the only other answer to it
        self.last_error = answer.error
        self._refuse(answer.error, now_s)
        if call.is_repeated and _says_nothing_of_earlier_calls(answer.error):
            # What refused this one did not ask the ledger: the one before it may have placed the hold.
            each.is_retired = True
            self._lanes["holds"].pause_until_s = now_s + PAUSES.cap_s
            return Over()
        if each.unsettled:
            self._orphan(each)
            return Over()
        del self.slices[call.slice]
        return Over(slices=[call.slice])

    def _orphan(self, each: Slice) -> None:
        """Lines of a hold that the ledger says it never placed: no journal of ours says so. They are charged late."""
        each.hold, each.has_ended = each.key, True
        for line in self._unsent.values():
            line.is_late |= line.slice == each.number

    def _begin(self, each: Slice, placed: calls.Placed, now_s: float) -> None:
        each.hold = placed.hold
        if each.is_retired:
            return
        self.counts.slices += 1
        self.last_error = None
        each.left = placed.microcents
        self._live.append(each)
        self._refusal = None
        # A smaller one is what was left of the account.
        self._is_prefetch_refused = placed.microcents < self.terms.slice_microcents
        self._retire_rests(each)
        if now_s >= each.lasts_until_s or self.is_closing:
            self._retire(each)

    def _retire_rests(self, newest: Slice) -> None:
        """Where there is a whole slice again, rests that nothing fits into any more need not be kept."""
        for each in list(self._live):
            is_rest = each.left < self.terms.minimum_microcents
            if each is not newest and is_rest and not each.reservations and newest.left >= self.terms.slice_microcents:
                self._retire(each)

    def _refuse(self, error: ApiError, now_s: float) -> None:
        self._is_prefetch_refused = True
        largest = microcents_of(error.problem.largest_affordable or Decimal(0))
        loose = [each for each in self._live if each.left and not each.reservations]
        together = largest + sum(each.left for each in loose)
        if loose and isinstance(error, InsufficientCredits) and any(size <= together for size in self.wanted.values()):
            for each in loose:
                self._retire(each)
            # What it said of the slices holds no longer.
            self._refusal = None
            return
        self._refusal = Refusal(error, largest, now_s + REFUSED_FOR_S)

    def _extended(self, call: ExtendHold, answer: Answer) -> Over:
        each = self.slices[call.slice]
        if isinstance(answer, calls.Ended):
            self._end(each)
            return Over()
        self.counts.extended += 1
        self._last_from(each, call.asked_at_s)
        return Over()

    def _released(self, call: ReleaseHold, answer: Answer) -> Over:
        del self.slices[call.slice]
        self.counts.released += isinstance(answer, calls.Done)
        return Over(slices=[call.slice])


def _says_nothing_of_earlier_calls(error: ApiError) -> bool:
    """Whether it was refused before the ledger was asked, for what may have been otherwise when it was sent before."""
    return isinstance(error, Unauthenticated | Forbidden | NotFound) and not isinstance(error, RefusedOnRecord)


def error_of(result: BatchResult) -> ApiError:
    """Why the line is not on the record."""
    return error_from(result.problem or Problem(status=result.status), Circumstances(result.key))


def _is_open(result: BatchResult) -> bool:
    """A defect of the service is no answer either: the line may be on the record."""
    return result.is_open or result.status >= _DEFECT
