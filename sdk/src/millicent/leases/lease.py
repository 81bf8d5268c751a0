"""A budget's state and its journal, in the order that keeps them together.

A spend is in the journal before it counts, a slice before it is asked for; what is settled leaves it last. Without
threads and without I/O but the journal's: Budget has a lock around it, and the simulation has none.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from millicent.errors import ApiError, JournalFailed
from millicent.leases.calls import Answer, Call, Failed, Line, PlaceHold, SettleLines
from millicent.leases.journal import Journal
from millicent.leases.slices import Over, Slice
from millicent.leases.state import BudgetState, Lane
from millicent.leases.terms import Terms

MODEL: Final = "model"


class Reservation:
    """A part of a slice that was set aside for work whose cost is not known yet."""

    __slots__ = ("is_open", "left", "slice")

    def __init__(self, taken_from: Slice, microcents: int) -> None:
        self.slice = taken_from
        self.left = microcents
        self.is_open = True


class Lease:
    """`prefix` begins every key that is made here, and no other lease's."""

    def __init__(self, terms: Terms, prefix: str, now_s: float, journal: Journal | None = None) -> None:
        self.terms = terms
        self.journal = journal
        self.state = BudgetState(terms, prefix, now_s, bounded=journal is None)
        self.refused = 0
        if journal is not None:
            self._adopt(journal)

    def _adopt(self, journal: Journal) -> None:
        lines = journal.lines()
        for asked in journal.slices():
            self.state.adopt(asked, [line for line in lines if line.slice == asked.slice])

    def spend(
        self,
        microcents: int,
        now_s: float,
        about: Line,
        reserved: Reservation | None = None,
        ticket: object = None,
    ) -> bool | None:
        """Whether the background has something to do at once; None: the spend has to wait, and is not made.

        `about` has what the line of the spend says; it becomes that line, or adds to a sum (of which it stays as it
        is, for the next spend). `ticket` is that under which it waits, if it does. Raises ApiError if the ledger has
        refused it, JournalFailed if it could not be written; nothing is taken then.
        """
        if about.key and self.state.is_unsettled(about.key):
            return False
        covered = None if reserved is None else self._covered(reserved, microcents, now_s)
        taken_from = covered or self.state.fitting(microcents, now_s)
        if taken_from is None:
            self._raise_if_refused(microcents, now_s)
            return None
        if self.state.must_wait(microcents, now_s, ticket):
            return None
        line = self._line(taken_from, about)
        if self.journal is not None:
            self.journal.put_line(line, microcents)
        if reserved is not None and taken_from is reserved.slice:
            self._give_back(reserved, min(microcents, reserved.left))
        return self.state.take(taken_from, line, microcents, now_s)

    def reserve(self, microcents: int, now_s: float, ticket: object = None) -> Reservation | None:
        """None: it has to wait. Raises ApiError if the ledger has refused it."""
        taken_from = self.state.fitting(microcents, now_s)
        if taken_from is None:
            self._raise_if_refused(microcents, now_s)
            return None
        if self.state.must_wait(microcents, now_s, ticket):
            return None
        self.state.reserve(taken_from, microcents, now_s)
        return Reservation(taken_from, microcents)

    def end(self, reserved: Reservation) -> None:
        """What was not spent of the reservation goes back to its slice."""
        if reserved.is_open:
            reserved.is_open = False
            self._give_back(reserved, reserved.left)
            self.state.unreserve(reserved.slice)

    def wait(self, ticket: object, microcents: int, now_s: float, reserved: Reservation | None = None) -> None:
        """Puts the ticket behind the others; one that waits already keeps its place.

        A spend that its reservation covers needs of a slice what goes beyond the reserved part.
        """
        is_covered = reserved is not None and self._covered(reserved, microcents, now_s) is not None
        beyond = max(microcents - reserved.left, 0) if reserved is not None and is_covered else microcents
        self.state.wanted[ticket] = beyond
        if is_covered:
            self.state.covered.add(ticket)

    def _give_back(self, reserved: Reservation, microcents: int) -> None:
        reserved.left -= microcents
        reserved.slice.left += microcents

    def due(self, lane: Lane, now_s: float) -> Call | None:
        """The next call of the lane. What it says is in the journal, so that it can be said again."""
        call = self.state.due(lane, now_s)
        if self.journal is None or call is None:
            return call
        try:
            if isinstance(call, PlaceHold):
                self.journal.put_slice(call)
            if isinstance(call, SettleLines) and any(line.is_summed for line in call.lines):
                self.journal.sync()
        except JournalFailed as failed:
            self.state.answered(call, Failed(failed), now_s)
            return None
        return call

    def answered(self, call: Call, answer: Answer, now_s: float) -> Over:
        """What that has brought to its end."""
        over = self.state.answered(call, answer, now_s)
        if self.journal is None or not (over.lines or over.slices):
            return over
        try:
            self.journal.drop(over.lines, over.slices)
        except JournalFailed as failed:
            # They are sent once more by the process that finds them, and answered as they were.
            self.state.last_error = failed
        return over

    def _covered(self, reserved: Reservation, microcents: int, now_s: float) -> Slice | None:
        """The slice of the reservation, if it still lasts and has what the spend needs beyond the reserved part."""
        if not reserved.is_open:
            return None
        of = reserved.slice
        is_enough = microcents <= reserved.left + (0 if of.is_retired else of.left)
        return of if is_enough and not of.has_ended and now_s < of.lasts_until_s else None

    def _line(self, taken_from: Slice, about: Line) -> Line:
        if not about.is_summed:
            about.slice = taken_from.number
            about.key = about.key or self.state.new_key()
            return about
        line = taken_from.sums.get(about.group)
        if line is None:
            line = replace(about, slice=taken_from.number, key=self.state.new_key())
        return line

    def _raise_if_refused(self, microcents: int, now_s: float) -> None:
        refusal: ApiError | None = self.state.refusal_of(microcents, now_s)
        if refusal is not None:
            self.refused += 1
            raise refusal


def spend_line(
    app: str | None,
    meter: str | None,
    metadata: Mapping[str, Any] | None,
    *,
    is_summed: bool,
    key: str = "",
    content: Mapping[str, Any] | None = None,
) -> Line:
    """What a spend says of itself. Of a sum the model alone is kept of its metadata."""
    if is_summed and metadata is not None:
        metadata = {MODEL: metadata[MODEL]} if isinstance(metadata.get(MODEL), str) else None
    return Line(key, 0, app, meter, metadata, content, is_summed=is_summed)
