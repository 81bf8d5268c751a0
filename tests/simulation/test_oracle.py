"""The oracle against a ledger with something wrong in it, which no reducer of ours would have written."""

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from shared.ledger.accounts import Account
from tests.simulation.oracle import Oracle
from tests.simulation.table import Row
from tests.simulation.verdict import Charge, Verdict
from tests.simulation.world import Plan, World

ACCOUNT = Account("main", "hot")


@pytest.fixture
def world() -> World:
    """A world that went well; its oracle is asked again after something was changed in it."""
    world = World(Plan("7", 1200, 0))
    assert world.run().verdict.is_clean
    return world


def judged(world: World) -> Verdict:
    verdict = Verdict()
    oracle = Oracle(verdict)
    oracle.judge(world.table, world.clients, world.trail.rows)
    oracle.judge_warnings(world.bus.warnings, world.outbox.excused)
    return verdict


def rewrite(world: World, place: int, **changes: Any) -> None:
    rewrite_in(world, ACCOUNT, place, **changes)


def rewrite_in(world: World, account: Account, place: int, **changes: Any) -> None:
    """Changes a row and makes its hash fit again."""
    rows = world.table.journal[account]
    record = json.dumps(json.loads(rows[place].record) | changes)
    rows[place] = row = Row(record, sha256(record.encode()).hexdigest())
    world.table.rows[account][json.loads(record)["key"]] = row


def remove_row(world: World) -> None:
    del world.table.journal[ACCOUNT][3]


def swap_rows(world: World) -> None:
    rows = world.table.journal[ACCOUNT]
    rows[3], rows[4] = rows[4], rows[3]


def alter_text(world: World) -> None:
    rows = world.table.journal[ACCOUNT]
    rows[3] = Row(rows[3].record.replace('"by":"service"', '"by":"somebody"'), rows[3].digest)


def repeat_row(world: World) -> None:
    world.table.journal[ACCOUNT].append(world.table.journal[ACCOUNT][3])


def forget_audit_row(world: World) -> None:
    del world.trail.rows[ACCOUNT][2]


def alter_audit_row(world: World) -> None:
    rows = world.trail.rows[ACCOUNT]
    rows[2] = rows[2]._replace(record=rows[2].record + " ")


def add_audit_row(world: World) -> None:
    rows = world.trail.rows[ACCOUNT]
    rows[len(rows) + 1] = rows[1]


def lift_state(world: World) -> None:
    world.table.states[ACCOUNT] = replace(world.table.states[ACCOUNT], available=10**9)


def tell_of_nothing(world: World) -> None:
    ticket = next(each for each in world.clients.tickets if each.answer is not None)
    ticket.operation = replace(ticket.operation, key="never written")


def tell_no(world: World) -> None:
    ticket = next(each for each in world.clients.tickets if each.answer and each.answer.outcome == "applied")
    assert ticket.answer is not None
    ticket.answer = ticket.answer._replace(outcome="refused")


def tell_another_amount(world: World) -> None:
    ticket = next(each for each in world.clients.tickets if each.answer is not None)
    assert ticket.answer is not None
    ticket.answer = ticket.answer._replace(content=replace(ticket.answer.content, amount=-1))


def overspend(world: World) -> None:
    rows = [json.loads(row.record) for row in world.table.journal[ACCOUNT]]
    place = next(at for at, row in enumerate(rows) if row["parameters"].get("if_insufficient") == "refuse")
    rewrite(world, place, amount=-(rows[place]["before"]["available"] + 1))


def reverse_answers(world: World) -> None:
    world.clients.history.reverse()
    answered = [moment for moment in world.clients.history if moment.seq]
    world.clients.history[:] = [each for seq in answered for each in (seq._replace(seq=0), seq)]


def forget_warning(world: World) -> None:
    world.bus.warnings.popitem()


def warn_twice(world: World) -> None:
    next(iter(world.bus.warnings.values())).add("another")


def warn_without_cause(world: World) -> None:
    world.bus.warnings[ACCOUNT, 1, 5] = {"an event"}


def use_up_a_limit(world: World) -> None:
    account, policy = next(each for each in world.table.policies.items() if each[1].limits)
    spent = tuple(replace(limit, used=limit.used + 1) for limit in policy.limits)
    world.table.policies[account] = replace(policy, limits=spent)


def lose_a_parents_half(world: World) -> None:
    for account, journal in world.table.journal.items():
        for row in journal:
            if row.entry.member is not None and row.entry.kind == "charge":
                rewrite_in(world, account, row.entry.seq - 1, key=f"{row.entry.key}x")
                return
    raise AssertionError("no member spent anything")


@pytest.mark.parametrize(
    ("spoil", "figure"),
    [
        (remove_row, "chain_breaks"),
        (swap_rows, "chain_breaks"),
        (alter_text, "chain_breaks"),
        (lift_state, "chain_breaks"),
        (reverse_answers, "chain_breaks"),
        (use_up_a_limit, "chain_breaks"),
        (lose_a_parents_half, "lost"),
        (forget_warning, "audit_missing"),
        (warn_twice, "audit_missing"),
        (warn_without_cause, "audit_missing"),
        (repeat_row, "double"),
        (overspend, "overspent"),
        (forget_audit_row, "audit_missing"),
        (alter_audit_row, "audit_missing"),
        (add_audit_row, "audit_missing"),
        (tell_of_nothing, "lost"),
        (tell_no, "refused_then_charged"),
        (tell_another_amount, "replay_mismatch"),
    ],
)
def test_what_is_wrong_is_found(world: World, spoil: Callable[[World], None], figure: Charge) -> None:
    spoil(world)
    assert judged(world).figures[figure] > 0


def test_nothing_is_found_where_nothing_is_wrong(world: World) -> None:
    assert judged(world).is_clean
