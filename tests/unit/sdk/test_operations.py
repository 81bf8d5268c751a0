"""What `millicent verify` makes of entries that have not reached the audit table or the sums of usage yet."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast

import msgspec
import pytest
from click.testing import CliRunner

from millicent.aws import Stack
from millicent.cli import main
from millicent.operations import Reconciliation, Waiting, with_standstills

WAIT_S = 10
AUDIT, USAGE = (Waiting(tenant="main", actor="user:a", place=place, seq=3, at_ms=1) for place in ("audit", "usage"))


@dataclass
class Asked:
    """A stack whose reconcile function finds these waiting, one answer after the other; then the last for ever."""

    answers: list[tuple[Waiting, ...]]
    requests: list[dict[str, Any]] = field(default_factory=list)

    def output(self, _: str) -> str:
        return "reconcile"

    def invoke(self, _: str, request: dict[str, Any]) -> Any:
        self.requests.append(request)
        waiting = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        found = seen(*waiting)
        return msgspec.to_builtins(found)


def seen(*waiting: Waiting) -> Reconciliation:
    late = sum(each.place == "audit" for each in waiting)
    return Reconciliation(
        accounts=1, entries=3, audited=3 - late, late=late, uncounted=len(waiting) - late, waiting=waiting
    )


def problems(*answers: tuple[Waiting, ...], wait_s: int = WAIT_S) -> list[tuple[str, str]]:
    clock: Iterator[int] = count()
    stack = cast("Stack", Asked([*answers[1:], answers[-1]]))
    found = with_standstills(stack, seen(*answers[0]), wait_s, sleep=lambda _: None, now_s=lambda: float(next(clock)))
    assert found.holds is (not found.findings)
    return [(each.place, each.problem) for each in found.findings]


def test_an_entry_that_arrives_while_it_is_waited_for_is_no_finding() -> None:
    assert problems((AUDIT, USAGE), (AUDIT, USAGE), (AUDIT, USAGE), ()) == []


def test_where_nothing_arrives_that_is_a_finding_of_the_place() -> None:
    stands = "stands still: 1 entry waits, and none arrived in 10 s"
    assert problems((AUDIT, USAGE)) == [("audit", stands), ("usage", stands)]
    assert problems((AUDIT, USAGE), (USAGE,)) == [("usage", stands)]


def test_one_of_many_that_arrives_tells_that_the_place_moves() -> None:
    another = msgspec.structs.replace(AUDIT, actor="user:b", seq=1)
    assert problems((AUDIT, another), (another,), (another,), (another,)) == []


def test_without_patience_whoever_is_not_there_at_the_second_look_stands_still() -> None:
    assert problems((AUDIT,), (), wait_s=0) == []
    assert problems((AUDIT,), (AUDIT,), wait_s=0) == [("audit", "stands still: 1 entry waits, and none arrived in 0 s")]


@pytest.mark.parametrize(("answers", "status"), [([()], 0), ([(AUDIT,), ()], 0), ([(AUDIT,)], 1)])
def test_verify_ends_with_1_where_the_audit_stands_still(
    answers: list[tuple[Waiting, ...]], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millicent.cli.operations.find_stack", lambda *_, **__: Asked(list(answers)))
    done = CliRunner().invoke(main, ["verify", "--wait", "0"])
    assert done.exit_code == status, done.output
    assert ("stands still" in done.stdout) is (status == 1)
