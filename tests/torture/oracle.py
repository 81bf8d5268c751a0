"""The judge: from what was asked, what was answered and what lies in the tables, by plain arithmetic alone.

It knows nothing of the reducer, the protocol or the verification of the product. It reads the canonical text of each
row, hashes it itself and adds up for itself. Amounts are microcents.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from tests.torture.plan import Asked

GENESIS_HASH: Final = "0" * 64
RECORDED: Final = frozenset({200, 201, 402, 409})
REFUSED: Final = frozenset({402, 409})
NO_LONGER_VALID: Final = 422
EXPIRE: Final = "expire"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a client was told, between two instants of one clock."""

    asked: Asked
    client: int
    sent_ns: int
    answered_ns: int
    status: int
    is_replayed: bool
    body: Mapping[str, Any]

    @property
    def is_recorded(self) -> bool:
        return self.status in RECORDED

    @property
    def is_refused(self) -> bool:
        return self.status in REFUSED


@dataclass(frozen=True)
class Row:
    """A row of either table: the name under which it lies, the text of its record, the hash beside it."""

    name: str
    text: str
    hash: str

    @property
    def record(self) -> Record:
        record: Record = json.loads(self.text)
        return record


@dataclass(frozen=True)
class Books:
    """All there is of one account. `state` has whole numbers and `head_hash`."""

    rows: Sequence[Row]
    state: Mapping[str, Any]
    audited: Sequence[Row]


@dataclass
class Verdict:
    """All but the first, the second and the last must be zero."""

    operations: int
    faults: int
    double: int = 0
    lost: int = 0
    overspent: int = 0
    refused_then_charged: int = 0
    replay_mismatch: int = 0
    audit_missing: int = 0
    chain_breaks: int = 0
    seconds: float = 0.0
    stories: list[str] = field(default_factory=list, repr=False)

    @property
    def is_clean(self) -> bool:
        return not self.stories

    def find(self, kind: str, story: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        self.stories.append(f"{kind}: {story}")

    def line(self) -> str:
        """The JSON that ends a run."""
        return json.dumps({name: value for name, value in vars(self).items() if name != "stories"})


@dataclass(frozen=True)
class Evidence:
    """`asked` has every operation with all contents that its key was sent with, the first of them its own."""

    asked: Mapping[str, Sequence[Asked]]
    answers: Sequence[Answer]
    first_sent_ns: Mapping[str, int]
    books: Mapping[str, Books]


def judge(evidence: Evidence, faults: int) -> Verdict:
    verdict = Verdict(operations=len(evidence.asked), faults=faults)
    answers = _by_key(evidence.answers)
    rows = {actor: _in_order(books, actor, verdict) for actor, books in evidence.books.items()}
    for actor, books in evidence.books.items():
        _judge_account(actor, books, rows[actor], evidence, verdict)
        _judge_order(actor, rows[actor], evidence.first_sent_ns, answers, verdict)
    recorded = {record["key"]: (row, record) for each in rows.values() for row, record in each}
    for key, contents in evidence.asked.items():
        _judge_operation(contents, answers.get(key, []), recorded.get(key), verdict)
    return verdict


def scenes(evidence: Evidence) -> Counter[str]:
    """How often the situations that matter have come about."""
    seen: Counter[str] = Counter()
    answers = _by_key(evidence.answers)
    for told in answers.values():
        seen.update(_scenes_of_a_key(told))
    for books in evidence.books.values():
        records = sorted((row.record for row in books.rows), key=lambda record: record["seq"])
        seen.update(scene for record in records for scene in _scenes_of_a_row(record))
        seen.update(_refusals_after_top_up(records, answers))
    return seen


CONCURRENT: Final = "one key sent by two clients at once"
REPLAYED: Final = "an answer given again"
KEY_REUSED: Final = "a key used for something else"
EXPIRED: Final = "credits expired"
PARTIAL: Final = "a partial charge"
OVERDRAWN: Final = "an account below zero by leave"
FUNDING_CONFLICT: Final = "a funding update that came too late"
REFUSED_AFTER_TOP_UP: Final = "a refusal repeated after a top-up"
SCENES: Final = (
    CONCURRENT, REPLAYED, KEY_REUSED, EXPIRED, PARTIAL, OVERDRAWN, FUNDING_CONFLICT, REFUSED_AFTER_TOP_UP
)  # fmt: skip


def _by_key(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    by_key: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_key[answer.asked.key].append(answer)
    return by_key


def _in_order(books: Books, actor: str, verdict: Verdict) -> list[tuple[Row, Record]]:
    rows = [(row, row.record) for row in books.rows]
    rows.sort(key=lambda pair: pair[1]["seq"])
    for (_, before), (_, after) in pairwise(rows):
        if before["seq"] == after["seq"]:
            verdict.find("double", f"{actor} has two rows {after['seq']}")
    return rows


def _judge_account(
    actor: str, books: Books, rows: list[tuple[Row, Record]], evidence: Evidence, verdict: Verdict
) -> None:
    seq, head = 0, GENESIS_HASH
    balances = dict.fromkeys(("available", "held", "funded", "spent"), 0)
    for row, record in rows:
        place = f"{actor} row {record['seq']}"
        for problem in _chain_problems(row, record, actor, seq, head):
            verdict.find("chain_breaks", f"{place} {problem}")
        if record["before"] != balances:
            verdict.find("double", f"{place} starts from {record['before']}, not {balances}")
        balances = _balances_after(record, balances)
        if record["after"] != balances:
            verdict.find("chain_breaks", f"{place} ends with {record['after']}, not {balances}")
        if _is_overspent(record):
            verdict.find("overspent", f"{place} leaves {record['after']['available']}")
        seq, head = record["seq"], row.hash
        balances = dict(record["after"])
    _judge_state(actor, books.state, {**balances, "seq": seq, "head_hash": head}, verdict)
    _judge_audit(actor, books, verdict)


def _chain_problems(row: Row, record: Record, actor: str, seq: int, head: str) -> Iterator[str]:
    if record["seq"] != seq + 1:
        yield f"follows {seq}"
    if record["prev_hash"] != head:
        yield "does not link to the row before it"
    if hashlib.sha256(row.text.encode()).hexdigest() != row.hash:
        yield "is not what was recorded"
    if (record["actor"], f"OP#{record['key']}") != (actor, row.name):
        yield "lies where another belongs"


def _balances_after(record: Record, before: Mapping[str, int]) -> dict[str, int]:
    """What the row must leave, worked out from its parameters alone (what an expiry removes: from its draws)."""
    available, funded, spent = before["available"], before["funded"], before["spent"]
    taken, added, gone = _movement(record, before)
    return {
        "available": available - taken + added - gone,
        "held": before["held"],
        "funded": funded + added,
        "spent": spent + taken,
    }


def _movement(record: Record, before: Mapping[str, int]) -> tuple[int, int, int]:
    """Taken by a charge, added by a funding (or taken back: negative), gone by expiry."""
    kind, parameters = record["kind"], record["parameters"]
    if record["reason"] == "too_many_grants":
        return 0, 0, 0
    if kind == "charge":
        return _taken(parameters, max(before["available"], 0)), 0, 0
    if kind == "grant":
        return 0, parameters["amount"], 0
    if kind == "funding_update":
        return 0, _added(parameters, before), 0
    return 0, 0, sum(draw["amount"] for draw in record["drawn"])


def _taken(parameters: Mapping[str, Any], available: int) -> int:
    cost: int = parameters["cost"]
    if cost <= available or parameters["if_insufficient"] == "overdraw":
        return cost
    return available if parameters["if_insufficient"] == "partial" else 0


def _added(parameters: Mapping[str, Any], before: Mapping[str, int]) -> int:
    difference: int = parameters["new_amount"] - parameters["old_amount"]
    if parameters["old_amount"] != before["funded"]:
        return 0
    return difference if difference >= 0 or before["available"] + difference >= 0 else 0


def _is_overspent(record: Record) -> bool:
    """A charge that may not overdraw, or an expiry, took more than there was."""
    is_enforced = record["kind"] == EXPIRE or record["parameters"].get("if_insufficient") in {"refuse", "partial"}
    is_lower = record["after"]["available"] < record["before"]["available"]
    return is_enforced and is_lower and record["after"]["available"] < 0


def _judge_state(actor: str, state: Mapping[str, Any], expected: Mapping[str, Any], verdict: Verdict) -> None:
    for name, value in expected.items():
        if state.get(name) == value:
            continue
        kind = "double" if name in {"spent", "available"} else "chain_breaks"
        verdict.find(kind, f"{actor} has {name} {state.get(name)} in its state, {value} by its rows")


def _judge_audit(actor: str, books: Books, verdict: Verdict) -> None:
    recorded = {f"SEQ#{row.record['seq']:012d}": (row.text, row.hash) for row in books.rows}
    audited = {row.name: (row.text, row.hash) for row in books.audited}
    for name in sorted(recorded.keys() | audited.keys()):
        if recorded.get(name) != audited.get(name):
            verdict.find("audit_missing", f"{actor} {name} is not alike in ledger and audit table")


def _judge_order(
    actor: str,
    rows: list[tuple[Row, Record]],
    first_sent_ns: Mapping[str, int],
    answers: Mapping[str, Sequence[Answer]],
    verdict: Verdict,
) -> None:
    """What was acknowledged before another was sent comes before it in the record."""
    answered_later_ns: float = float("inf")
    for _, record in reversed(rows):
        key = record["key"]
        if key in first_sent_ns and first_sent_ns[key] > answered_later_ns:
            verdict.find("chain_breaks", f"{actor} row {record['seq']} was sent after a later row was acknowledged")
        told = [answer.answered_ns for answer in answers.get(key, ()) if answer.is_recorded]
        answered_later_ns = min([answered_later_ns, *told])


def _judge_operation(
    contents: Sequence[Asked], answers: Sequence[Answer], found: tuple[Row, Record] | None, verdict: Verdict
) -> None:
    key = contents[0].key
    if not any(answer.asked == contents[0] for answer in answers):
        verdict.find("lost", f"{key} was never answered")
    if found is None:
        _judge_unrecorded(contents, answers, verdict)
        return
    row, record = found
    recorded = [answer for answer in answers if answer.is_recorded]
    effective = next((each for each in contents if _is_content_of(each, record)), None)
    if effective is None:
        verdict.find("double", f"{key} is recorded with content that nobody asked for")
    for answer in answers:
        if answer.is_recorded != (answer.asked == effective) and not _came_too_late(answer, recorded):
            verdict.find("replay_mismatch", f"{key} was answered {answer.status} for what the record has otherwise")
    _judge_answers(key, recorded, row, record, verdict)


def _came_too_late(answer: Answer, recorded: Sequence[Answer]) -> bool:
    """Turned down as its expiry had passed, while another request for it that started earlier was on its way."""
    is_too_late = answer.status == NO_LONGER_VALID and answer.asked.expires_at_ms is not None
    return is_too_late and all(other.answered_ns > answer.sent_ns for other in recorded)


def _judge_unrecorded(contents: Sequence[Asked], answers: Sequence[Answer], verdict: Verdict) -> None:
    """Only a grant whose expiry had passed may come to nothing."""
    for answer in answers:
        is_too_late = answer.status == NO_LONGER_VALID and answer.asked.expires_at_ms is not None
        if answer.is_recorded or not is_too_late:
            verdict.find("lost", f"{contents[0].key} was answered {answer.status} and is not in the record")


def _judge_answers(key: str, answers: Sequence[Answer], row: Row, record: Record, verdict: Verdict) -> None:
    is_refused = record["outcome"] == "refused"
    if any(answer.is_refused for answer in answers) and not is_refused:
        verdict.find("refused_then_charged", f"{key} was refused to one and recorded as {record['outcome']}")
    for answer in answers:
        if answer.body != answers[0].body or not _agrees(answer, row, record):
            verdict.find("replay_mismatch", f"{key} was answered {answer.body}, recorded as {row.text}")
    firsts = [answer for answer in answers if not answer.is_replayed]
    if len(firsts) > 1:
        verdict.find("double", f"{key} was answered {len(firsts)} times as if for the first time")


def _is_content_of(asked: Asked, record: Record) -> bool:
    parameters = record["parameters"]
    told = {
        "charge": ("cost", "if_insufficient"),
        "grant": ("amount", "expires_at_ms"),
        "funding_update": ("old_amount", "new_amount"),
    }[asked.kind]
    wanted: dict[str, tuple[Any, Any]] = {
        "charge": (asked.amount, asked.mode),
        "grant": (asked.amount, asked.expires_at_ms),
        "funding_update": (asked.old_amount, asked.amount),
    }
    found = tuple(parameters.get(name) for name in told)
    return (record["actor"], record["kind"], found) == (asked.actor, asked.kind, wanted[asked.kind])


def _agrees(answer: Answer, row: Row, record: Record) -> bool:
    if record["outcome"] == "refused":
        return bool(answer.is_refused and answer.body["code"] == record["reason"])
    entry = answer.body.get("entry", {})
    said = entry.get("key"), entry.get("seq"), entry.get("hash"), _microcents(entry.get("amount", "NaN"))
    return said == (record["key"], record["seq"], row.hash, record["amount"])


def _microcents(millicents: Any) -> Decimal:
    return Decimal(str(millicents)) * 1000


def _scenes_of_a_key(answers: Sequence[Answer]) -> Iterator[str]:
    recorded = [answer for answer in answers if answer.is_recorded]
    for one, other in pairwise(sorted(recorded, key=lambda answer: answer.sent_ns)):
        if one.client != other.client and other.sent_ns < one.answered_ns:
            yield CONCURRENT
    yield from (REPLAYED for answer in recorded if answer.is_replayed)
    yield from (KEY_REUSED for answer in answers if answer.body.get("code") == "idempotency_key_reused")


def _scenes_of_a_row(record: Record) -> Iterator[str]:
    if record["kind"] == EXPIRE:
        yield EXPIRED
    if record["outcome"] == "partial":
        yield PARTIAL
    if record["after"]["available"] < 0 <= record["before"]["available"]:
        yield OVERDRAWN
    if record["reason"] == "funding_conflict":
        yield FUNDING_CONFLICT


def _refusals_after_top_up(records: Sequence[Record], answers: Mapping[str, Sequence[Answer]]) -> Iterator[str]:
    topped_up_ns: float = float("inf")
    for record in reversed(records):
        told = answers.get(record["key"], ())
        if record["reason"] == "insufficient_credits":
            yield from (REFUSED_AFTER_TOP_UP for answer in told if answer.is_refused and answer.sent_ns > topped_up_ns)
        if record["amount"] > 0:
            topped_up_ns = min([topped_up_ns, *(answer.answered_ns for answer in told)])
