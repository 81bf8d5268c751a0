"""Keeps the usage sums up to date. An event signals that an account has spent; the amount comes from the ledger.

So an event that arrives twice, late or out of order changes nothing, and the next event makes up for a lost one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final, Literal, TypeAlias

from shared.ledger.accounts import Account
from shared.ledger.frozen import dataclass
from shared.ledger.usage import Tally, tallies
from shared.ports.usage import EntriesForward, UsageBook

CountResult: TypeAlias = Literal["counted", "waiting", "malformed"]

ENTRIES_AT_ONCE: Final = 500
PAUSES_MS: Final = (50, 100, 200, 400, 800)
"""Pauses between reads of the entry listing while it is behind the event."""


@dataclass(frozen=True, slots=True)
class UsageSignal:
    """A message that an entry of this seq is ready to be counted.

    `account` is None if the message is not such an event.
    """

    message_id: str
    account: Account | None = None
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Counting:
    """The result of one message. A message that has to wait is delivered again."""

    message_id: str
    result: CountResult

    @property
    def is_failed(self) -> bool:
        return self.result != "counted"


@dataclass(frozen=True, slots=True)
class Counter:
    """`has_time` says whether there is time to count more; `pause` waits for milliseconds."""

    entries: EntriesForward
    book: UsageBook
    has_time: Callable[[], bool]
    pause: Callable[[int], None]

    def through(self, account: Account, seq: int) -> int:
        """Counts an account at least up to `seq`, as far as time and the listing allow.

        Returns the seq counted through.
        """
        counted = self.book.counted_through(account)
        if counted >= seq:
            # An earlier message about this account has counted the entry already. Listing costs more than this read.
            return counted
        counted = self._as_far_as_listed(account, counted)
        for pause_ms in PAUSES_MS:
            if counted >= seq or not self.has_time():
                break
            self.pause(pause_ms)
            counted = self._as_far_as_listed(account, counted)
        return counted

    def _as_far_as_listed(self, account: Account, counted: int) -> int:
        while self.has_time():
            found = self.entries.following(account, counted, ENTRIES_AT_ONCE)
            parts = tallies(found, counted, partial(self.entries.entry, account))
            added = self._added(account, parts)
            if added is None:
                # Another invocation counts this account too.
                counted = self.book.counted_through(account)
                continue
            counted = max(counted, added)
            if len(found) < ENTRIES_AT_ONCE or counted < found[-1].seq:
                break
        return counted

    def _added(self, account: Account, parts: Iterator[Tally]) -> int | None:
        """The seq counted through, 0 if nothing was added; None if another count came in between."""
        through = 0
        for part in parts:
            if not self.book.add(account, part):
                return None
            through = part.through
        return through


def count_usage(wakes: Iterable[UsageSignal], counter: Counter) -> list[Counting]:
    """Counts every account that the messages name once. Errors of the ledger and the book propagate."""
    wakes = list(wakes)
    counted = {account: counter.through(account, seq) for account, seq in _newest(wakes).items()}
    return [Counting(wake.message_id, _result(wake, counted)) for wake in wakes]


def _newest(wakes: Iterable[UsageSignal]) -> dict[Account, int]:
    newest: dict[Account, int] = {}
    for wake in wakes:
        if wake.account is not None:
            newest[wake.account] = max(wake.seq, newest.get(wake.account, 0))
    return newest


def _result(wake: UsageSignal, counted: Mapping[Account, int]) -> CountResult:
    if wake.account is None:
        return "malformed"
    return "counted" if counted[wake.account] >= wake.seq else "waiting"
