"""Leased spends in the model of `make scale`: the client's own lease, its calls run through the protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias, cast

from bench.scale_model import HOT, Clients, Clock, operation
from millicent.leases.calls import Answer, Call, Done, ExtendHold, Failed, Line, Placed, PlaceHold, Settled, SettleLines
from millicent.leases.lease import Lease, spend_line
from millicent.leases.state import LANES
from millicent.leases.terms import Record, Terms
from millicent.models import BatchResult, Entry
from shared.ledger import operations
from shared.ledger.accounts import Account
from shared.ledger.errors import LedgerError
from shared.ledger.operations import CaptureHold, Operation, ReleaseHold
from shared.ledger.protocol import MAX_BATCH, Recorded

POLL_MS: Final = 250
TTL_S: Final = 900
SLICE_S: Final = 10
"""A slice is what is spent in this time."""

_Answers: TypeAlias = Mapping[str, Recorded | LedgerError]


@dataclass(frozen=True, slots=True)
class LeasedScenario:
    """Processes that spend at random times, one for each account: the hot account's, or one for each member of a team.

    The processes of members begin at random in the first half of the time, and live for a half of it.
    """

    name: str
    offered_per_s: int
    seconds: int
    record: Record
    flush_every_s: float
    members: int = 0

    @property
    def member(self) -> bool:
        return self.members > 0

    def start(self, clock: Clock, clients: Clients, rng: Random) -> set[Account]:
        accounts = [Account("main", f"user:{number}") for number in range(self.members)] or [HOT]
        lives_s = self.seconds / 2 if self.member else self.seconds
        spends_per_s = self.offered_per_s * self.seconds / lives_s / len(accounts)
        slice_ = max(int(spends_per_s * max(SLICE_S, 2 * self.flush_every_s)), 1)
        terms = Terms(
            slice_microcents=slice_,
            minimum_microcents=1,
            record=self.record,
            flush_every_s=self.flush_every_s,
            ttl_s=TTL_S,
        )
        for account in accounts:
            begins_s = rng.uniform(0, self.seconds - lives_s)
            process = _Process(account, terms, clock, clients)
            clock.later(begins_s * 1000, process.poll)
            clock.later((begins_s + lives_s) * 1000, process.close)
            at_s = begins_s
            while (at_s := at_s + rng.expovariate(spends_per_s)) < begins_s + lives_s:
                clock.later(at_s * 1000, process.spend)
        return set(accounts)


class _Process:
    """Has the threads' part of a budget: asks what is due, and delivers the answers."""

    def __init__(self, account: Account, terms: Terms, clock: Clock, clients: Clients) -> None:
        self._account, self._clock, self._clients = account, clock, clients
        self._lease = Lease(terms, account.actor, self._now_s)
        self._waiting: list[float] = []
        self._counted = 0

    @property
    def _now_s(self) -> float:
        return self._clock.now_ms / 1000

    def spend(self) -> None:
        self._try(self._clock.now_ms)

    def poll(self) -> None:
        self._work()
        if not (self._lease.state.is_closing and self._lease.state.is_settled):
            self._clock.later(POLL_MS, self.poll)

    def close(self) -> None:
        if self._waiting:
            self._clock.later(POLL_MS, self.close)
        else:
            self._lease.state.close()
            self._work()

    def _try(self, called_ms: float) -> None:
        is_summed = self._lease.terms.record == "sum"
        said = spend_line(None, "llm", None, is_summed=is_summed)
        is_urgent = self._lease.spend(1, self._now_s, said, ticket=called_ms)
        if is_urgent is None:
            self._waiting.append(called_ms)
            self._lease.wait(called_ms, 1, self._now_s)
        else:
            self._lease.state.wanted.pop(called_ms, None)
            self._clients.tally.done_after_ms.append(self._clock.now_ms - called_ms)
        if is_urgent is not False:
            self._work()

    def _work(self) -> None:
        for lane in LANES:
            if (call := self._lease.due(lane, self._now_s)) is not None:
                self._send(call)

    def _send(self, call: Call) -> None:
        asked = [operation(self._account, key, terms) for key, terms in _asked(call)]
        self._request(call, asked, {}, self._clock.now_ms)

    def _request(self, call: Call, left: Sequence[Operation], answers: _Answers, begun_ms: float) -> None:
        """As many in one transaction as the service puts there."""
        part, later = left[:MAX_BATCH], left[MAX_BATCH:]

        def answered(more: _Answers) -> None:
            if later:
                self._request(call, later, {**answers, **more}, begun_ms)
            else:
                self._clients.tally.answered_after_ms.append(self._clock.now_ms - begun_ms)
                self._answered(call, {**answers, **more})

        self._clients.request(part, answered)

    def _answered(self, call: Call, answers: _Answers) -> None:
        shed = [answer for answer in answers.values() if isinstance(answer, LedgerError)]
        self._clients.tally.shed += len(shed)
        self._lease.answered(call, _told(call, answers), self._now_s)
        settled, self._counted = self._lease.state.counts.settled - self._counted, self._lease.state.counts.settled
        self._clients.count(settled)
        waiting, self._waiting = self._waiting, []
        for called_ms in waiting:
            self._try(called_ms)
        self._work()


def _asked(call: Call) -> list[tuple[str, operations.Terms]]:
    match call:
        case PlaceHold():
            return [(call.key, operations.PlaceHold(call.microcents, call.ttl_s * 1000, call.minimum_microcents))]
        case ExtendHold():
            return [(call.key, operations.ExtendHold(call.hold, call.ttl_s * 1000))]
        case SettleLines():
            return [(line.key, _part(call, line)) for line in call.lines]
        case _:
            return [(call.key, ReleaseHold(call.hold))]


def _part(call: SettleLines, line: Line) -> CaptureHold:
    return CaptureHold(call.holds[line.slice], line.microcents, final=False)


def _told(call: Call, answers: _Answers) -> Answer:
    if isinstance(call, SettleLines):
        return Settled([_result(line.key, answers[line.key]) for line in call.lines])
    answer = answers[call.key]
    if isinstance(answer, LedgerError):
        return Failed(answer)
    if not isinstance(call, PlaceHold):
        return Done()
    held = answer.entry.hold
    if held is None:
        raise RuntimeError(f"{call} was refused")
    return Placed(held["id"], held["amount"])


def _result(key: str, answer: Recorded | LedgerError) -> BatchResult:
    if isinstance(answer, LedgerError):
        return BatchResult(key=key, status=429)
    return BatchResult(key=key, status=201, entry=cast("Entry", answer.entry))
