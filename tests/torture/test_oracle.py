"""The judge finds what is wrong, and nothing where all is well. The histories it gets are the reducer's own."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.ledger.accounts import AccountState
from shared.ledger.entries import Entry, record_of
from shared.ledger.operations import Charge, FundingUpdate, GrantCredits, Terms
from shared.problems import refusal_of
from shared.usecases.record_operation import effect_of
from tests.builders import ALICE, history
from tests.torture.oracle import (
    FUNDING_CONFLICT,
    OVERDRAWN,
    PARTIAL,
    REFUSED_AFTER_TOP_UP,
    REPLAYED,
    Answer,
    Books,
    Evidence,
    Row,
    Verdict,
    judge,
    scenes,
)
from tests.torture.plan import Asked

STORY: tuple[Terms, ...] = (
    Charge(30),
    GrantCredits(100),
    Charge(70),
    Charge(40, "partial"),
    FundingUpdate(7, 50),
    Charge(5, "overdraw"),
    FundingUpdate(100, 130),
)
KINDS = (
    "double", "lost", "overspent", "refused_then_charged", "replay_mismatch", "audit_missing", "chain_breaks"
)  # fmt: skip


def asked_of(entry: Entry) -> Asked:
    match entry.terms:
        case Charge(cost, mode):
            return Asked(entry.key, ALICE.actor, "charge", cost, mode)
        case GrantCredits(amount):
            return Asked(entry.key, ALICE.actor, "grant", amount)
        case FundingUpdate(old_amount, new_amount):
            return Asked(entry.key, ALICE.actor, "funding_update", new_amount, old_amount=old_amount)
        case _:
            raise TypeError(entry.kind)


def answer_of(entry: Entry) -> Answer:
    """Given at once, each before the next was sent."""
    body = refusal_of(entry) if entry.is_refused else effect_of(entry)
    status = body["status"] if entry.is_refused else 201
    told = json.loads(json.dumps(body, default=str))
    return Answer(asked_of(entry), 0, entry.seq * 10, entry.seq * 10 + 5, status, is_replayed=False, body=told)


def rows_of(entries: list[Entry], audited: bool = False) -> list[Row]:
    return [
        Row(f"SEQ#{entry.seq:012d}" if audited else f"OP#{entry.key}", record_of(entry), entry.hash)
        for entry in entries
    ]


def state_of(state: AccountState) -> dict[str, Any]:
    names = ("available", "held", "funded", "spent", "seq", "head_hash")
    return {name: getattr(state, name) for name in names}


def evidence(*terms: Terms) -> Evidence:
    """What a run without any trouble leaves behind."""
    state, entries = history(*(terms or STORY))
    return Evidence(
        asked={entry.key: [asked_of(entry)] for entry in entries},
        answers=[answer_of(entry) for entry in entries],
        first_sent_ns={entry.key: entry.seq * 10 for entry in entries},
        books={ALICE.actor: Books(rows_of(entries), state_of(state), rows_of(entries, audited=True))},
    )


def with_books(found: Evidence, **changed: Any) -> Evidence:
    return replace(found, books={ALICE.actor: replace(found.books[ALICE.actor], **changed)})


def with_rows(found: Evidence, rows: list[Row]) -> Evidence:
    """In both tables."""
    audited = [replace(row, name=f"SEQ#{row.record['seq']:012d}") for row in rows]
    return with_books(found, rows=rows, audited=audited)


def resealed(row: Row, changes: Mapping[str, Any]) -> Row:
    text = json.dumps({**row.record, **changes}, sort_keys=True, separators=(",", ":"))
    return Row(row.name, text, hashlib.sha256(text.encode()).hexdigest())


def faults_found(verdict: Verdict) -> set[str]:
    return {kind for kind in KINDS if getattr(verdict, kind)}


def test_nothing_is_wrong_with_what_the_ledger_writes() -> None:
    verdict = judge(evidence(), faults=3)
    assert verdict.stories == []
    assert json.loads(verdict.line()) == {
        "operations": 7, "faults": 3, **dict.fromkeys(KINDS, 0), "seconds": 0.0
    }  # fmt: skip


def test_an_answer_given_again_is_nothing_wrong() -> None:
    found = evidence()
    again = [replace(answer, is_replayed=True, sent_ns=1000, answered_ns=1001) for answer in found.answers]
    assert judge(replace(found, answers=[*found.answers, *again]), faults=0).is_clean


def without_an_audit_row(found: Evidence) -> Evidence:
    return with_books(found, audited=found.books[ALICE.actor].audited[1:])


def with_a_strange_audit_row(found: Evidence) -> Evidence:
    audited = found.books[ALICE.actor].audited
    return with_books(found, audited=[*audited, replace(audited[0], name="SEQ#000000000099")])


def with_a_row_taken_out(found: Evidence) -> Evidence:
    rows = list(found.books[ALICE.actor].rows)
    del rows[2]
    return with_rows(found, rows)


def with_an_altered_row(found: Evidence) -> Evidence:
    rows = list(found.books[ALICE.actor].rows)
    rows[2] = replace(rows[2], text=rows[2].text.replace('"cost":70', '"cost":71'))
    return with_rows(found, rows)


def with_a_charge_that_is_on_no_row(found: Evidence) -> Evidence:
    state = found.books[ALICE.actor].state
    return with_books(found, state={**state, "available": state["available"] - 1, "spent": state["spent"] + 1})


def with_two_first_answers(found: Evidence) -> Evidence:
    return replace(found, answers=[*found.answers, replace(found.answers[2], client=1)])


def with_a_charge_below_zero(found: Evidence) -> Evidence:
    rows = list(found.books[ALICE.actor].rows)
    record = rows[-2].record
    rows[-2] = resealed(rows[-2], {"parameters": {**record["parameters"], "if_insufficient": "refuse"}})
    return with_rows(found, rows)


def with_a_refusal_for_what_was_charged(found: Evidence) -> Evidence:
    refusal = replace(found.answers[2], status=402, is_replayed=True, body={"code": "insufficient_credits"})
    return replace(found, answers=[*found.answers, refusal])


def with_another_answer_the_second_time(found: Evidence) -> Evidence:
    entry = {**found.answers[2].body["entry"], "seq": 99}
    other = replace(found.answers[2], is_replayed=True, body={**found.answers[2].body, "entry": entry})
    return replace(found, answers=[*found.answers, other])


def with_an_operation_never_answered(found: Evidence) -> Evidence:
    return replace(found, answers=found.answers[1:])


def with_an_acknowledged_operation_on_no_row(found: Evidence) -> Evidence:
    phantom = replace(found.answers[2].asked, key="phantom")
    answer = replace(found.answers[2], asked=phantom)
    return replace(found, asked={**found.asked, "phantom": [phantom]}, answers=[*found.answers, answer])


def with_rows_out_of_real_time_order(found: Evidence) -> Evidence:
    return replace(found, first_sent_ns={**found.first_sent_ns, "key-2": 1000})


def with_content_that_nobody_asked_for(found: Evidence) -> Evidence:
    asked = replace(found.asked["key-3"][0], amount=69)
    answers = [replace(each, asked=asked) if each.asked.key == "key-3" else each for each in found.answers]
    return replace(found, asked={**found.asked, "key-3": [asked]}, answers=answers)


BROKEN: dict[Callable[[Evidence], Evidence], str] = {
    without_an_audit_row: "audit_missing",
    with_a_strange_audit_row: "audit_missing",
    with_a_row_taken_out: "chain_breaks",
    with_an_altered_row: "chain_breaks",
    with_a_charge_that_is_on_no_row: "double",
    with_two_first_answers: "double",
    with_a_charge_below_zero: "overspent",
    with_a_refusal_for_what_was_charged: "refused_then_charged",
    with_another_answer_the_second_time: "replay_mismatch",
    with_an_operation_never_answered: "lost",
    with_an_acknowledged_operation_on_no_row: "lost",
    with_rows_out_of_real_time_order: "chain_breaks",
    with_content_that_nobody_asked_for: "double",
}


@pytest.mark.parametrize(("broken", "kind"), BROKEN.items(), ids=[each.__name__ for each in BROKEN])
def test_what_is_wrong_is_found_and_counted_for_what_it_is(broken: Callable[[Evidence], Evidence], kind: str) -> None:
    verdict = judge(broken(evidence()), faults=0)
    assert kind in faults_found(verdict)
    assert not verdict.is_clean


def test_a_grant_whose_expiry_passed_before_it_came_through_may_come_to_nothing() -> None:
    found = evidence()
    asked = Asked("late", ALICE.actor, "grant", 10, expires_at_ms=1)
    answer = Answer(asked, 0, 100, 105, 422, is_replayed=False, body={"code": "invalid_operation"})
    tried = replace(found, asked={**found.asked, "late": [asked]}, answers=[*found.answers, answer])
    assert judge(tried, faults=0).is_clean


def test_an_operation_turned_down_for_no_such_reason_is_lost() -> None:
    found = evidence()
    asked = Asked("wrong", ALICE.actor, "charge", 10)
    answer = Answer(asked, 0, 100, 105, 422, is_replayed=False, body={"code": "invalid_operation"})
    tried = replace(found, asked={**found.asked, "wrong": [asked]}, answers=[*found.answers, answer])
    assert faults_found(judge(tried, faults=0)) == {"lost"}


def test_a_key_used_for_something_else_must_be_turned_down() -> None:
    found = evidence()
    other = replace(found.asked["key-3"][0], amount=71)
    turned_down = Answer(other, 1, 100, 105, 422, is_replayed=False, body={"code": "idempotency_key_reused"})
    asked = {**found.asked, "key-3": [found.asked["key-3"][0], other]}
    good = replace(found, asked=asked, answers=[*found.answers, turned_down])
    bad = replace(found, asked=asked, answers=[*found.answers, replace(found.answers[2], asked=other)])
    assert judge(good, faults=0).is_clean
    assert "replay_mismatch" in faults_found(judge(bad, faults=0))


def test_the_scenes_of_a_history_are_counted() -> None:
    found = evidence()
    refusal_again = replace(found.answers[0], is_replayed=True, sent_ns=500, answered_ns=505)
    seen = scenes(replace(found, answers=[*found.answers, refusal_again]))
    assert seen == {PARTIAL: 1, FUNDING_CONFLICT: 1, OVERDRAWN: 1, REPLAYED: 1, REFUSED_AFTER_TOP_UP: 1}
