"""The fault matrix: what can go wrong, and where. Every cell is counted in a run and must have fired."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias


class Fault(StrEnum):
    """The meaning of each is in MEANINGS; the value is its name in reports."""

    THROTTLED = "throttled"
    CONFLICT = "transaction conflict"
    LOST_BEFORE = "lost before"
    LOST_AFTER = "lost after apply"
    LANDS_LATE = "lands late"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    SLOW = "slow"
    CORRUPTED = "corrupted"
    PARTLY_TAKEN = "partly taken"
    DUPLICATE = "duplicate"
    LATE = "late"
    REORDERED = "reordered"
    KILLED_IN_BATCH = "killed in mid-batch"
    AT_ONCE = "at once"
    AFTER_1_S = "after 1 s"
    AFTER_11_MIN = "after 11 min"
    AFTER_2_DAYS = "after 2 days"
    AFTER_TOP_UP = "after a top-up"
    OTHER_CONTENT = "with other content"
    CLOCK_AHEAD = "ahead"
    CLOCK_BEHIND = "behind"
    OUTAGE = "down for 48 h"


MEANINGS: Final = {
    Fault.THROTTLED: "turned away for want of capacity; nothing happened",
    Fault.CONFLICT: "turned away because another transaction was at work on an item; nothing happened",
    Fault.LOST_BEFORE: "the request never arrived; the sender waits until its time-out",
    Fault.LOST_AFTER: "carried out, the answer never arrived; the sender waits until its time-out",
    Fault.LANDS_LATE: "the sender gave up waiting; up to 30 s afterwards the request arrives and is carried out",
    Fault.KILLED_BEFORE: "the process died before it sent the request",
    Fault.KILLED_AFTER: "the process died after the request was carried out, before it saw the answer",
    Fault.SLOW: "carried out; the answer takes 1 to 6 s, which can be longer than the deadline",
    Fault.CORRUPTED: "carried out, the answer cannot be read; or, in a delivery, what arrives is not what was sent",
    Fault.PARTLY_TAKEN: "the bus took some of the events of a call and said so",
    Fault.DUPLICATE: "delivered a second time",
    Fault.LATE: "delivered minutes to hours later",
    Fault.REORDERED: "delivered in another order",
    Fault.KILLED_IN_BATCH: "the consumer died with a part of its batch done",
    Fault.AT_ONCE: "the same operation again, while the first is under way",
    Fault.AFTER_1_S: "the same operation again, 1 s after its answer",
    Fault.AFTER_11_MIN: "the same operation again, 11 min after its answer: later than the memory of any request token",
    Fault.AFTER_2_DAYS: "the same operation again, 2 days after its answer",
    Fault.AFTER_TOP_UP: "the same operation again, as soon as somebody paid in",
    Fault.OTHER_CONTENT: "another operation under a used key",
    Fault.CLOCK_AHEAD: "the clock that a request reads is up to 10 min ahead",
    Fault.CLOCK_BEHIND: "the clock that a request reads is up to 10 min behind",
    Fault.OUTAGE: "the consumer does nothing for 48 hours",
}

_CALL: Final = (
    Fault.THROTTLED,
    Fault.LOST_BEFORE,
    Fault.LOST_AFTER,
    Fault.KILLED_BEFORE,
    Fault.KILLED_AFTER,
    Fault.SLOW,
    Fault.CORRUPTED,
)
_COMMIT: Final = (*_CALL, Fault.CONFLICT, Fault.LANDS_LATE)
_AGAIN: Final = (Fault.AT_ONCE, Fault.AFTER_1_S, Fault.AFTER_11_MIN, Fault.AFTER_2_DAYS, Fault.AFTER_TOP_UP)

Cell: TypeAlias = tuple[str, Fault]


@dataclass(frozen=True, slots=True)
class Place:
    """Where faults strike. `weight` multiplies the rate of faults where a place is visited too seldom for it."""

    name: str
    faults: tuple[Fault, ...]
    weight: float = 1.0


KINDS_OF_WORK: Final = (
    "charge",
    "charge partial",
    "charge overdraw",
    "funding_update",
    "grant",
    "hold",
    "capture",
    "capture part",
    "refund",
    "release",
    "extend",
    "void",
    "configure",
)
"""One row of the matrix each; see workload.py."""
WITH_EXPIRY: Final = "with expiry"
WITH_REFILL: Final = "with refill"
WITH_PARENT: Final = "with parent"
WITH_DUE_HOLD: Final = "with due hold"
OF_WHAT_IS_DUE: Final = "of what is due"
BATCH: Final = "batch"
BATCH_WITH_PARENT: Final = "batch with parent"
"""Seven more rows: an operation that an expiry, a refill or a hold that is over precedes in its transaction, one that a
parent account pays for as well, what is due by itself, in the background or ahead of an operation, and a group of a
batch, of an account alone and with its parents."""
_SELDOM: Final = {"capture part": 3, "refund": 2, "release": 4, "extend": 4, "void": 4, "configure": 8}

REQUEST: Final = Place("request", (Fault.LOST_BEFORE, Fault.LOST_AFTER))
READ: Final = Place("read", _CALL)
READ_PARTS: Final = Place("read of several", _CALL, weight=2)
LOOKUP: Final = Place("lookup", _CALL, weight=10)
COMMITS: Final = {kind: Place(f"commit {kind}", _COMMIT, _SELDOM.get(kind, 1)) for kind in KINDS_OF_WORK} | {
    WITH_EXPIRY: Place(f"commit {WITH_EXPIRY}", _COMMIT, weight=5),
    WITH_REFILL: Place(f"commit {WITH_REFILL}", _COMMIT, weight=15),
    WITH_PARENT: Place(f"commit {WITH_PARENT}", _COMMIT, weight=3),
    WITH_DUE_HOLD: Place(f"commit {WITH_DUE_HOLD}", _COMMIT, weight=15),
    OF_WHAT_IS_DUE: Place(f"commit {OF_WHAT_IS_DUE}", _COMMIT, weight=5),
    BATCH: Place(f"commit {BATCH}", _COMMIT, weight=3),
    BATCH_WITH_PARENT: Place(f"commit {BATCH_WITH_PARENT}", _COMMIT, weight=15),
}
FIND_DUE: Final = Place("find due", _CALL, weight=5)
PUBLISH: Final = Place("publish", (*_CALL, Fault.PARTLY_TAKEN))
SET_ASIDE: Final = Place("set aside", _CALL, weight=20)
KEEP: Final = Place("audit put", _CALL)
COMPARE: Final = Place("audit get", _CALL)
STREAM: Final = Place("stream delivery", (Fault.DUPLICATE, Fault.LATE, Fault.REORDERED, Fault.CORRUPTED), weight=5)
STREAM_KILLED: Final = Place("stream batch", (Fault.KILLED_IN_BATCH,))
BUS: Final = Place("bus delivery", (Fault.DUPLICATE, Fault.LATE, Fault.REORDERED))
QUEUE: Final = Place("queue delivery", (Fault.DUPLICATE, Fault.LATE, Fault.REORDERED, Fault.CORRUPTED))
QUEUE_KILLED: Final = Place("queue batch", (Fault.KILLED_IN_BATCH,))
AGAIN: Final = {outcome: Place(f"{outcome} again", _AGAIN) for outcome in ("applied", "partial", "refused")}
REUSE: Final = Place("key reused", (Fault.OTHER_CONTENT,))
CLOCK: Final = Place("clock", (Fault.CLOCK_AHEAD, Fault.CLOCK_BEHIND))
OUTBOX: Final = Place("outbox", (Fault.OUTAGE,))
AUDIT: Final = Place("audit", (Fault.OUTAGE,))
SUM: Final = Place("sum put", (Fault.KILLED_BEFORE, Fault.KILLED_AFTER), weight=5)
SUM_STREAM: Final = Place(
    "sum stream delivery", (Fault.DUPLICATE, Fault.LATE, Fault.REORDERED, Fault.LOST_BEFORE), weight=5
)
BOARD: Final = Place(
    "board call",
    (
        Fault.THROTTLED,
        Fault.LOST_BEFORE,
        Fault.LOST_AFTER,
        Fault.KILLED_BEFORE,
        Fault.KILLED_AFTER,
        Fault.CONFLICT,
    ),
)

PLACES: Final = (
    REQUEST,
    READ,
    READ_PARTS,
    LOOKUP,
    FIND_DUE,
    *COMMITS.values(),
    PUBLISH,
    SET_ASIDE,
    KEEP,
    COMPARE,
    STREAM,
    STREAM_KILLED,
    BUS,
    QUEUE,
    QUEUE_KILLED,
    *AGAIN.values(),
    REUSE,
    CLOCK,
    OUTBOX,
    AUDIT,
    SUM,
    SUM_STREAM,
    BOARD,
)


def cells() -> Iterator[Cell]:
    return ((place.name, fault) for place in PLACES for fault in place.faults)


_WHERE: Final = (
    ("request", "between the client and the function"),
    ("read, lookup", "the strong reads of the state, and of the entry under a key"),
    ("read of several", "the same of what an operation names, of the policy and of the parent's, one after the other"),
    ("find due", "the query for open holds that have expired"),
    (
        "commit …",
        (
            "the transaction, by what the operation does; *with expiry*: with an entry for what expired first; "
            "*with due hold*: with one for a hold that was over; "
            "*with refill*: with one for an allowance that was due; "
            "*with parent*: with its counterparts above; *of what is due*: with what was due alone; "
            "*batch*: with many lines"
        ),
    ),
    ("publish", "the outbox's call to the bus"),
    ("set aside", "the outbox's call to its failure queue"),
    ("audit put, audit get", "the audit consumer's calls to its table"),
    ("stream …, bus …, queue …", "what the stream, the bus and the queue do to what they deliver"),
    ("… again, key reused", "the client sends an operation again, by its first outcome; or another under its key"),
    ("clock", "the time that a request reads"),
    ("outbox, audit", "the two consumers"),
    (
        "sum …, board …",
        (
            "what counts the usage of accounts, the stream of its sums, and the calls of who keeps those of "
            "the tenant; a batch that is lost is made up for by a backfill"
        ),
    ),
)


def page() -> str:
    """docs/fault-matrix.md; `python -m tests.simulation.matrix > docs/fault-matrix.md` writes it."""
    return "\n".join(
        [
            "# The fault matrix",
            "",
            "What `make simulate` does to the ledger: every fault at every place that can have it. Each cell is",
            "counted, and a run of 100,000 operations or more fails unless each has fired.",
            "`tests/simulation/matrix.py` is the source of this page.",
            "",
            "## Where",
            "",
            *(f"* **{name}**: {meaning}" for name, meaning in _WHERE),
            "",
            "## What",
            "",
            *(f"* **{fault}**: {meaning}" for fault, meaning in MEANINGS.items()),
            "",
            "## The cells",
            "",
            f"{len(list(cells()))} of them.",
            "",
            *(f"* **{place.name}**: {', '.join(place.faults)}" for place in PLACES),
            "",
        ]
    )


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
