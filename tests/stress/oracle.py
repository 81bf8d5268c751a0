"""The judge of a run: what lies in the tables goes to the oracle of the simulation, every answer is held against it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Final, cast

from shared.ledger.accounts import Account
from tests.simulation.clients import Clients
from tests.simulation.downstream import AuditRow
from tests.simulation.oracle import Fields, Oracle
from tests.simulation.order import Moment, out_of_order
from tests.simulation.table import LedgerTable
from tests.simulation.verdict import Charge, Verdict
from tests.stress.asked import Asked
from tests.stress.calls import NOBODYS, named_by

TENANT: Final = "main"
REFUSED: Final = frozenset({402, 404, 409})
RECORDED: Final = frozenset({200, 201}) | REFUSED
NO_LONGER_VALID: Final = 422
THROTTLED: Final = 429

_NO_CLIENTS: Final = cast("Clients", SimpleNamespace(tickets=[], turned_away={}, history=[]))
"""The oracle's own clients are those of the simulation; ours are judged here."""


@dataclass(frozen=True)
class Answer:
    """What a client was told, between two instants of one clock. One that is batched has no balance."""

    asked: Asked
    client: int
    sent_ns: int
    answered_ns: int
    status: int
    is_replayed: bool
    body: Mapping[str, Any]
    is_batched: bool = False

    @property
    def is_recorded(self) -> bool:
        return self.status in RECORDED

    @property
    def is_refused(self) -> bool:
        return self.status in REFUSED


@dataclass(frozen=True)
class Books:
    """Both tables as they lie. `ledger` is as if the simulation had written it; `audit` is by seq."""

    ledger: LedgerTable
    audit: Mapping[Account, Mapping[int, AuditRow]]


@dataclass(frozen=True)
class Evidence:
    """`asked` has every operation with all contents that its key was sent with, the first of them its own.

    `throttled` are the requests that were told that nothing was recorded, each with the key that it was told so of.
    """

    asked: Mapping[str, Sequence[Asked]]
    answers: Sequence[Answer]
    first_sent_ns: Mapping[str, int]
    throttled: Collection[tuple[str, str]]
    books: Books


def judge(evidence: Evidence) -> Verdict:
    verdict = Verdict()
    oracle = Oracle(verdict)
    oracle.judge(evidence.books.ledger, _NO_CLIENTS, evidence.books.audit)
    rows = {key: row for (_, key), row in oracle.rows_of_key.items()}
    answers = _by_key(evidence.answers)
    for key, contents in evidence.asked.items():
        _Trial(contents, answers.get(key, ()), rows, verdict).judge()
    for request, key in evidence.throttled:
        if key in rows and rows[key]["correlation_id"] == request:
            verdict.add("replay_mismatch", _account(rows[key]), key, "was told that nothing was recorded")
    _judge_order(evidence, rows, verdict)
    return verdict


CONCURRENT: Final = "one key sent by two clients at once"
REPLAYED: Final = "an answer given again"
KEY_REUSED: Final = "a key used for something else"
BATCHED: Final = "a charge in a batch"
BATCHED_AND_ALONE: Final = "a charge both in a batch and alone"
REFUSED_AFTER_TOP_UP: Final = "a refusal repeated after a top-up"
EXPIRED: Final = "credits expired"
PARTIAL: Final = "a partial charge"
OVERDRAWN: Final = "an account below zero by leave"
OVERRUN: Final = "a hold captured beyond its amount"
PARTED: Final = "a part of a hold captured"
REFILLED: Final = "a refill of an allowance"
WARNED: Final = "a warning of a low balance"
BACKED: Final = "a charge that a parent paid too"
REFUSED_BY_PARENT: Final = "a refusal for want of what a parent has"
HOLD_EXPIRED: Final = "a hold returned as it had expired"
_SCENES_OF_A_ROW: Final[Mapping[str, Callable[[Fields], bool]]] = {
    EXPIRED: lambda row: row["kind"] == "expire" and not row["parameters"],
    PARTIAL: lambda row: (row["kind"], row["outcome"]) == ("charge", "partial"),
    OVERDRAWN: lambda row: row["after"]["available"] < 0 <= row["before"]["available"],
    HOLD_EXPIRED: lambda row: row["kind"] == "expire" and "hold" in row["parameters"],
    REFILLED: lambda row: row["kind"] == "allowance",
    WARNED: lambda row: "alerts" in row,
    BACKED: lambda row: row["kind"] == "charge" and "member" in row,
    REFUSED_BY_PARENT: lambda row: row["outcome"] == "refused" and "account" in (row.get("limit") or ()),
    PARTED: lambda row: row["parameters"].get("final") is False and row["outcome"] == "applied",
    OVERRUN: lambda row: row["kind"] == "capture" and -row["amount"] > row["before"]["held"] - row["after"]["held"],
}
_APPLIED: Final = ("hold", "capture", "release", "extend", "refund", "void", "configure")
_REFUSED: Final = (
    "funding_conflict",
    "hold_captured",
    "hold_released",
    "hold_expired",
    "exceeds_hold",
    "exceeds_charge",
    "limit_exceeded",
    "account_frozen",
)
SCENES: Final = (
    *(CONCURRENT, REPLAYED, KEY_REUSED, BATCHED, BATCHED_AND_ALONE, REFUSED_AFTER_TOP_UP),
    *_SCENES_OF_A_ROW,
    *(f"applied: {kind}" for kind in _APPLIED),
    *(f"refused: {reason}" for reason in _REFUSED),
)


def scenes(evidence: Evidence) -> Counter[str]:
    """How often the situations that matter have come about."""
    oracle = Oracle(Verdict())
    oracle.judge(evidence.books.ledger, _NO_CLIENTS, evidence.books.audit)
    answers = _by_key(evidence.answers)
    seen = Counter(scene for told in answers.values() for scene in _scenes_of_a_key(told))
    by_actor: dict[str, list[Fields]] = defaultdict(list)
    for (actor, _), row in oracle.rows_of_key.items():
        seen.update(_scenes_of_a_row(row))
        by_actor[actor].append(row)
    for rows in by_actor.values():
        seen.update(_refusals_after_top_up(rows, answers))
    return seen


@dataclass(frozen=True)
class _Trial:
    """One key: all that was sent with it, and all answers to that. `rows` are those of all keys."""

    contents: Sequence[Asked]
    answers: Sequence[Answer]
    rows: Mapping[str, Fields]
    verdict: Verdict

    def judge(self) -> None:
        row = self.rows.get(self.contents[0].key)
        if not any(answer.asked == self.contents[0] for answer in self.answers):
            self._wrong("lost", "was never answered")
        if row is None:
            self._judge_unrecorded()
            return
        recorded = [answer for answer in self.answers if answer.is_recorded]
        self._judge_content(row, recorded)
        self._judge_recorded(row, recorded)

    def _judge_unrecorded(self) -> None:
        """Only a grant whose expiry had passed may come to nothing."""
        for answer in self.answers:
            if answer.is_recorded or not _is_expired(answer):
                self._wrong("lost", f"was answered {answer.status} and is not on record")

    def _judge_content(self, row: Fields, recorded: Sequence[Answer]) -> None:
        """One content is on record, and exactly those who asked for it were told so."""
        effective = next((each for each in self.contents if _is_content_of(each, row, self.rows)), None)
        if effective is None:
            self._wrong("double", "is on record with content that nobody asked for")
        for answer in self.answers:
            if answer.is_recorded != (answer.asked == effective) and not _came_too_late(answer, recorded):
                self._wrong("replay_mismatch", f"was answered {answer.status}; another content is on record")

    def _judge_recorded(self, row: Fields, recorded: Sequence[Answer]) -> None:
        if row["outcome"] != "refused" and any(answer.is_refused for answer in recorded):
            self._wrong("refused_then_charged", f"was refused and is on record as {row['outcome']}")
        for answer in recorded:
            first = next(other for other in recorded if other.is_batched == answer.is_batched)
            if answer.body != first.body or not _agrees(answer, row):
                self._wrong("replay_mismatch", f"was answered {answer.body}, on record is {row}")
        if sum(not answer.is_replayed for answer in recorded) > 1:
            self._wrong("double", "was answered more than once as if for the first time")

    def _wrong(self, figure: Charge, what: str) -> None:
        asked = self.contents[0]
        self.verdict.add(figure, Account(TENANT, asked.actor), asked.key, what)


def _judge_order(evidence: Evidence, rows: Mapping[str, Fields], verdict: Verdict) -> None:
    """What was acknowledged before another was sent comes before it in the record."""
    keys, actors = list(rows), sorted({row["actor"] for row in rows.values()})
    number, account = (dict(zip(names, range(len(names)), strict=True)) for names in (keys, actors))
    happenings = [(at_ns, key, 0) for key, at_ns in evidence.first_sent_ns.items() if key in rows]
    happenings += [
        (answered_ns, key, rows[key]["seq"])
        for key, answers in _by_key(evidence.answers).items()
        if key in rows and (answered_ns := _first_recorded_ns(answers)) is not None
    ]
    history = [Moment(account[rows[key]["actor"]], number[key], seq) for _, key, seq in sorted(happenings)]
    for operation, _ in out_of_order(history):
        row = rows[keys[operation]]
        verdict.add("chain_breaks", _account(row), row["key"], "is on record out of order")


def _first_recorded_ns(answers: Sequence[Answer]) -> int | None:
    return min((answer.answered_ns for answer in answers if answer.is_recorded), default=None)


def _account(row: Fields) -> Account:
    return Account(row["tenant"], row["actor"])


def _by_key(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    by_key: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_key[answer.asked.key].append(answer)
    return by_key


def _is_expired(answer: Answer) -> bool:
    return answer.status == NO_LONGER_VALID and answer.asked.expires_at_ms is not None


def _came_too_late(answer: Answer, recorded: Sequence[Answer]) -> bool:
    """Turned down as its expiry had passed, while another request for it that started earlier was on its way."""
    return _is_expired(answer) and all(other.answered_ns > answer.sent_ns for other in recorded)


def _is_content_of(asked: Asked, row: Fields, rows: Mapping[str, Fields]) -> bool:
    maker = rows.get(asked.named) if asked.named else None
    named = named_by(asked, _seq_of_made(maker)) if maker else {}
    return (row["actor"], row["kind"], row["parameters"]) == (asked.actor, asked.kind, {**asked.terms, **named})


def _seq_of_made(maker: Fields) -> int:
    seq: int = maker["seq"]
    return NOBODYS if maker["outcome"] == "refused" else seq


def _agrees(answer: Answer, row: Fields) -> bool:
    if row["outcome"] == "refused":
        return bool(answer.is_refused and answer.body["code"] == row["reason"])
    if "entry" not in answer.body:
        return False
    entry = answer.body["entry"]
    told = entry["key"], entry["seq"], entry["outcome"], _microcents(entry["amount"]), _hold_of(entry)
    recorded = row["key"], row["seq"], row["outcome"], row["amount"], row.get("hold") and _summary_of(row["hold"])
    is_balance_right = answer.is_batched or _all_microcents(answer.body["balance"]) == row["after"]
    return bool(told == recorded and is_balance_right)


def _hold_of(entry: Mapping[str, Any]) -> tuple[Any, ...] | None:
    held = entry.get("hold")
    return held and (held["id"], _microcents(held["amount"]), _microcents(held["captured"]), held["status"])


def _summary_of(held: Mapping[str, Any]) -> tuple[Any, ...]:
    return held["id"], held["amount"], held["captured"], held["status"]


def _all_microcents(balance: Mapping[str, Any]) -> dict[str, Decimal]:
    return {name: _microcents(amount) for name, amount in balance.items()}


def _microcents(millicents: Any) -> Decimal:
    return Decimal(str(millicents)) * 1000


def _scenes_of_a_key(answers: Sequence[Answer]) -> Iterator[str]:
    recorded = [answer for answer in answers if answer.is_recorded]
    for one, other in pairwise(sorted(recorded, key=lambda answer: answer.sent_ns)):
        if one.client != other.client and other.sent_ns < one.answered_ns:
            yield CONCURRENT
    yield from (REPLAYED for answer in recorded if answer.is_replayed)
    yield from (KEY_REUSED for answer in answers if answer.body.get("code") == "idempotency_key_reused")
    forms = {answer.is_batched for answer in recorded}
    if True in forms:
        yield BATCHED
    if len(forms) > 1:
        yield BATCHED_AND_ALONE


def _scenes_of_a_row(row: Fields) -> Iterator[str]:
    yield from (scene for scene, has_come_about in _SCENES_OF_A_ROW.items() if has_come_about(row))
    if row["reason"] in _REFUSED:
        yield f"refused: {row['reason']}"
    if row["kind"] in _APPLIED and row["outcome"] != "refused":
        yield f"applied: {row['kind']}"


def _refusals_after_top_up(rows: Sequence[Fields], answers: Mapping[str, Sequence[Answer]]) -> Iterator[str]:
    topped_up_ns: float = float("inf")
    for row in reversed(rows):
        told = answers.get(row["key"], ())
        if row["reason"] == "insufficient_credits":
            yield from (REFUSED_AFTER_TOP_UP for answer in told if answer.is_refused and answer.sent_ns > topped_up_ns)
        if row["amount"] > 0:
            topped_up_ns = min([topped_up_ns, *(answer.answered_ns for answer in told)])
