"""The judge finds what is wrong, and nothing where all is well. The histories it gets are the reducer's own."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import cast

import pytest

from shared.edge.problems import refusal_of
from shared.ledger.accounts import AccountState
from shared.ledger.entries import Entry
from shared.ledger.operations import CaptureHold, Charge, FundingUpdate, GrantCredits, PlaceHold, Refund, Terms
from shared.ledger.protocol import Commit, Found, Read
from shared.ledger.reducer import apply
from shared.ledger.views import effect_of
from tests.builders import ALICE, NOW_MS, operation
from tests.simulation.downstream import AuditRow
from tests.simulation.table import LedgerTable
from tests.simulation.verdict import FIGURES
from tests.stress.asked import Asked
from tests.stress.oracle import (
    BATCHED_AND_ALONE,
    CONCURRENT,
    EXPIRED,
    KEY_REUSED,
    OVERDRAWN,
    OVERRUN,
    PARTIAL,
    REFUSED_AFTER_TOP_UP,
    REPLAYED,
    Answer,
    Books,
    Evidence,
    judge,
    scenes,
)

STORY: tuple[Terms, ...] = (
    Charge(30),
    GrantCredits(100),
    Charge(70),
    Charge(40, "partial"),
    FundingUpdate(7, 50),
    Charge(5, "overdraw"),
    FundingUpdate(100, 130),
    PlaceHold(20, 60_000),
    CaptureHold("h8", 25, "charge"),
    CaptureHold("h8", 1),
    Refund("key-9", 10),
)


def asked_of(entry: Entry) -> Asked:
    terms = {name: value for name, value in entry.parameters.items() if (entry.kind, name) != ("capture", "hold")}
    named = "key-8" if entry.kind == "capture" else None
    return Asked(entry.key, ALICE.actor, entry.kind, terms, named)


def charge(key: str, cost: int) -> Asked:
    return Asked(key, ALICE.actor, "charge", {"cost": cost, "if_insufficient": "refuse"})


def charged_more(asked: Asked, by: int) -> Asked:
    return replace(asked, terms={**asked.terms, "cost": asked.terms["cost"] + by})


def answer_of(entry: Entry) -> Answer:
    """Given at once, each before the next was sent."""
    body = refusal_of(entry) if entry.is_refused else effect_of(entry)
    status = body["status"] if entry.is_refused else 201
    told = json.loads(json.dumps(body, default=str))
    return Answer(asked_of(entry), 0, entry.seq * 10, entry.seq * 10 + 5, status, is_replayed=False, body=told)


def ledger_after(story: Iterable[Terms]) -> LedgerTable:
    ledger = LedgerTable(lambda _account, _row: None)
    for number, terms in enumerate(story, start=1):
        found = cast("Found", ledger.execute(ledger.begin(Read(ALICE, terms))))
        change = apply(found.state or AccountState(ALICE), operation(f"key-{number}", terms), NOW_MS, found.references)
        ledger.execute(Commit(change))
    return ledger


def evidence() -> Evidence:
    """What a run without any trouble leaves behind."""
    ledger = ledger_after(STORY)
    rows = ledger.journal[ALICE]
    entries = [row.entry for row in rows]
    audit = {entry.seq: AuditRow(row.record, row.digest, "event") for entry, row in zip(entries, rows, strict=True)}
    return Evidence(
        asked={entry.key: [asked_of(entry)] for entry in entries},
        answers=[answer_of(entry) for entry in entries],
        first_sent_ns={entry.key: entry.seq * 10 for entry in entries},
        throttled=(),
        books=Books(ledger, {ALICE: audit}),
    )


def with_answer(found: Evidence, answer: Answer, *more_content: Asked) -> Evidence:
    """One more, and if need be one more operation or content of a key."""
    asked = dict(found.asked)
    for each in more_content:
        asked[each.key] = [*asked.get(each.key, ()), each]
    return replace(found, asked=asked, answers=[*found.answers, answer])


def without_an_audit_row(found: Evidence) -> Evidence:
    audit = dict(found.books.audit[ALICE])
    del audit[3]
    return replace(found, books=replace(found.books, audit={ALICE: audit}))


def without_a_row(found: Evidence) -> Evidence:
    del found.books.ledger.journal[ALICE][2]
    return found


def with_a_charge_that_is_on_no_row(found: Evidence) -> Evidence:
    states = found.books.ledger.states
    states[ALICE] = replace(states[ALICE], available=states[ALICE].available - 1, spent=states[ALICE].spent + 1)
    return found


def with_two_first_answers(found: Evidence) -> Evidence:
    return with_answer(found, replace(found.answers[2], client=1))


def with_a_refusal_of_what_was_charged(found: Evidence) -> Evidence:
    refusal = replace(found.answers[2], status=402, is_replayed=True, body={"code": "insufficient_credits"})
    return with_answer(found, refusal)


def with_another_answer_the_second_time(found: Evidence) -> Evidence:
    first = found.answers[2]
    entry = {**first.body["entry"], "seq": 99}
    return with_answer(found, replace(first, is_replayed=True, body={**first.body, "entry": entry}))


def with_a_balance_that_never_was(found: Evidence) -> Evidence:
    first = found.answers[2]
    balance = {**first.body["balance"], "available": 1}
    told = [replace(each, body={**each.body, "balance": balance}) if each == first else each for each in found.answers]
    return replace(found, answers=told)


def with_an_operation_never_answered(found: Evidence) -> Evidence:
    return replace(found, answers=found.answers[1:])


def with_an_acknowledged_operation_on_no_row(found: Evidence) -> Evidence:
    phantom = replace(found.answers[2].asked, key="phantom")
    return with_answer(found, replace(found.answers[2], asked=phantom), phantom)


def with_an_operation_turned_down_for_no_reason(found: Evidence) -> Evidence:
    asked = charge("wrong", 10)
    return with_answer(found, Answer(asked, 0, 100, 105, 422, is_replayed=False, body={}), asked)


def with_rows_out_of_real_time_order(found: Evidence) -> Evidence:
    answers = [replace(each, answered_ns=1005) if each.asked.key == "key-2" else each for each in found.answers]
    return replace(found, answers=answers, first_sent_ns={**found.first_sent_ns, "key-2": 1000})


def with_content_that_nobody_asked_for(found: Evidence) -> Evidence:
    asked = charged_more(found.asked["key-3"][0], -1)
    told = [replace(each, asked=asked) if each.asked.key == "key-3" else each for each in found.answers]
    return replace(found, asked={**found.asked, "key-3": [asked]}, answers=told)


def with_a_reused_key_taken_for_the_same(found: Evidence) -> Evidence:
    other = charged_more(found.asked["key-3"][0], 1)
    return with_answer(found, replace(found.answers[2], asked=other, is_replayed=True), other)


def with_a_record_of_what_was_said_not_to_be_recorded(found: Evidence) -> Evidence:
    return replace(found, throttled={("request-of-key-3", "key-3")})


def with_a_hold_that_stands_open(found: Evidence) -> Evidence:
    holds = found.books.ledger.holds
    holds[ALICE, "h8"] = replace(holds[ALICE, "h8"], status="open")
    return found


def without_a_hold(found: Evidence) -> Evidence:
    found.books.ledger.holds.clear()
    return found


def with_a_refund_that_nobody_counted(found: Evidence) -> Evidence:
    found.books.ledger.tallies.clear()
    return found


def with_an_answer_about_another_hold(found: Evidence) -> Evidence:
    first = found.answers[7]
    entry = {**first.body["entry"], "hold": {**first.body["entry"]["hold"], "id": "h7"}}
    told = [replace(each, body={**each.body, "entry": entry}) if each == first else each for each in found.answers]
    return replace(found, answers=told)


def with_another_hold_captured_than_asked_for(found: Evidence) -> Evidence:
    asked = replace(found.asked["key-9"][0], named="key-2")
    told = [replace(each, asked=asked) if each.asked.key == "key-9" else each for each in found.answers]
    return replace(found, asked={**found.asked, "key-9": [asked]}, answers=told)


BROKEN: dict[Callable[[Evidence], Evidence], str] = {
    without_an_audit_row: "audit_missing",
    without_a_row: "chain_breaks",
    with_a_charge_that_is_on_no_row: "chain_breaks",
    with_two_first_answers: "double",
    with_a_refusal_of_what_was_charged: "refused_then_charged",
    with_another_answer_the_second_time: "replay_mismatch",
    with_a_balance_that_never_was: "replay_mismatch",
    with_an_operation_never_answered: "lost",
    with_an_acknowledged_operation_on_no_row: "lost",
    with_an_operation_turned_down_for_no_reason: "lost",
    with_rows_out_of_real_time_order: "chain_breaks",
    with_content_that_nobody_asked_for: "double",
    with_a_reused_key_taken_for_the_same: "replay_mismatch",
    with_a_record_of_what_was_said_not_to_be_recorded: "replay_mismatch",
    with_a_hold_that_stands_open: "chain_breaks",
    without_a_hold: "chain_breaks",
    with_a_refund_that_nobody_counted: "chain_breaks",
    with_an_answer_about_another_hold: "replay_mismatch",
    with_another_hold_captured_than_asked_for: "double",
}


def test_nothing_is_wrong_with_what_the_ledger_writes() -> None:
    assert judge(evidence()).is_clean


def test_an_answer_given_again_is_nothing_wrong() -> None:
    found = evidence()
    again = [replace(answer, is_replayed=True, sent_ns=1000, answered_ns=1001) for answer in found.answers]
    assert judge(replace(found, answers=[*found.answers, *again])).is_clean


@pytest.mark.parametrize(("broken", "figure"), BROKEN.items(), ids=[each.__name__ for each in BROKEN])
def test_what_is_wrong_is_found_and_counted_for_what_it_is(broken: Callable[[Evidence], Evidence], figure: str) -> None:
    assert judge(broken(evidence())).figures[figure]


def test_a_charge_of_a_batch_is_told_without_a_balance() -> None:
    found = evidence()
    body = {"entry": found.answers[2].body["entry"]}
    batched = replace(found.answers[2], client=1, is_replayed=True, body=body, is_batched=True)
    told = with_answer(found, batched)
    assert judge(told).is_clean
    assert scenes(told)[BATCHED_AND_ALONE] == 1
    assert judge(with_answer(found, replace(batched, is_batched=False))).figures["replay_mismatch"]


def test_every_figure_has_something_that_raises_it() -> None:
    raised_by_the_oracle_of_the_simulation = {"overspent", "usage_miscounted"}
    assert set(BROKEN.values()) | raised_by_the_oracle_of_the_simulation == set(FIGURES)


def test_a_grant_whose_expiry_passed_before_it_came_through_may_come_to_nothing() -> None:
    asked = Asked("late", ALICE.actor, "grant", {"amount": 10, "expires_at_ms": 1})
    answer = Answer(asked, 0, 100, 105, 422, is_replayed=False, body={"code": "invalid_operation"})
    assert judge(with_answer(evidence(), answer, asked)).is_clean


def test_a_key_used_for_something_else_may_be_turned_down() -> None:
    found = evidence()
    other = charged_more(found.asked["key-3"][0], 1)
    conflict = Answer(other, 1, 100, 105, 422, is_replayed=False, body={"code": "idempotency_key_reused"})
    reused = with_answer(found, conflict, other)
    assert judge(reused).is_clean
    assert scenes(reused)[KEY_REUSED] == 1


def test_the_scenes_of_a_history_are_counted() -> None:
    found = evidence()
    at_once = replace(found.answers[2], client=1, is_replayed=True)
    refused_again = replace(found.answers[0], is_replayed=True, sent_ns=500, answered_ns=505)
    seen = scenes(replace(found, answers=[*found.answers, at_once, refused_again]))
    once = (CONCURRENT, PARTIAL, "refused: funding_conflict", OVERDRAWN, REFUSED_AFTER_TOP_UP, OVERRUN)
    applied = {f"applied: {kind}": 1 for kind in ("hold", "capture", "refund")}
    assert seen == {**dict.fromkeys(once, 1), **applied, "refused: hold_captured": 1, REPLAYED: 2}
    assert EXPIRED not in seen
