from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from local.demo import demo, fund
from local.row_counts import RowCounts, row_counts
from local.usage_generator import TRAFFIC, generated_usage
from millicent import Millicent
from millicent.errors import Circumstances, KeyReused
from millicent.models import Problem
from millicent.replay import HOLD_SUFFIX, BadUsage, Usage

AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
)


def test_a_longer_run_begins_with_the_same_rows_under_the_same_keys() -> None:
    assert generated_usage(200)[:50] == generated_usage(50)


def test_every_row_has_a_key_of_its_own() -> None:
    assert len({row.key for row in generated_usage(500)}) == 500


def test_another_seed_is_another_run() -> None:
    assert not {row.key for row in generated_usage(50)} & {row.key for row in generated_usage(50, seed=1)}


def test_every_model_has_about_its_share_of_the_requests() -> None:
    rows = generated_usage(2000)
    counted = Counter((row.usage or {})["model"] for row in rows)
    for traffic in TRAFFIC:
        assert counted[traffic.model] / len(rows) == pytest.approx(traffic.share, abs=0.05)


def test_token_counts_have_the_median_and_the_long_tail_they_were_given() -> None:
    for traffic in TRAFFIC:
        for counts in (traffic.input_tokens, traffic.output_tokens):
            assert counts.at(0.5) == counts.median
            assert counts.at(1e-9) >= 1
            assert counts.median * 3 < counts.at(1 - 1e-9) <= counts.most


def test_the_same_usage_is_the_same_run() -> None:
    assert demo(None, 100) == demo(None, 100)
    assert demo(None, 100).run_id != demo(None, 101).run_id


def test_the_busiest_actor_comes_first() -> None:
    plan = demo(None, 500)
    requests = Counter(row.actor for row in plan.rows)
    assert plan.busiest_actor == plan.actors[0] == requests.most_common(1)[0][0]
    assert demo(None, 0).busiest_actor == "user:alice"


def test_a_file_without_actor_and_model_gets_them(tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(AZURE)
    plan = demo(file, 1000)
    usage = {"meter": "llm", "model": "gpt-4o"}
    assert [row.usage for row in plan.rows] == [
        usage | {"input_tokens": 374, "output_tokens": 44},
        usage | {"input_tokens": 396, "output_tokens": 109},
    ]
    alone = demo(file, 1000, actors=1, model="gpt-4o-mini")
    assert {(row.actor, (row.usage or {})["model"]) for row in alone.rows} == {("user:0001", "gpt-4o-mini")}


def test_a_file_that_is_no_usage_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text("colour\nblue\n")
    with pytest.raises(BadUsage):
        demo(file, 10)


def test_every_actor_is_granted_its_budget_under_the_key_of_the_run() -> None:
    client = _Grants()
    fund(cast("Millicent", client), "r1", {"user:a": 2000, "user:b": 5000}, concurrency=2)
    assert client.granted == {("user:a", Decimal(2), "demo-r1"), ("user:b", Decimal(5), "demo-r1")}


def test_an_actor_that_cannot_be_funded_stops_the_demo() -> None:
    client = _Grants(failing_for="user:b")
    with pytest.raises(RuntimeError):
        fund(cast("Millicent", client), "r1", {"user:a": 2000, "user:b": 5000}, concurrency=2)


def test_an_actor_that_was_funded_at_other_prices_is_not_funded_again() -> None:
    client = _Grants(failing_for="user:b", by=KeyReused(Problem(status=422), Circumstances()))
    fund(cast("Millicent", client), "r1", {"user:a": 2000, "user:b": 5000}, concurrency=2)
    assert client.granted == {("user:a", Decimal(2), "demo-r1")}


def test_the_ledger_says_what_became_of_a_row() -> None:
    rows = [
        Usage(key=key, actor="user:a", usage={}, row=number)
        for number, key in enumerate(("old", "new", "declined", "lost"), start=1)
    ]
    before = {("user:a", "old" + HOLD_SUFFIX): "applied", ("user:a", "old"): "applied", ("user:b", "new"): "applied"}
    after = {
        **before,
        ("user:a", "new" + HOLD_SUFFIX): "applied",
        ("user:a", "new"): "applied",
        ("user:a", "declined" + HOLD_SUFFIX): "refused",
    }
    assert row_counts(rows, before, after) == RowCounts(
        charged=1, refused=1, replayed=1, unrecorded=1, holds=1, captures=1
    )


class _Grants:
    def __init__(self, failing_for: str = "", by: Exception | None = None) -> None:
        self.granted: set[tuple[str, Decimal, str]] = set()
        self._failing_for = failing_for
        self._by = by or RuntimeError("no funds")

    def grant(self, actor: str, amount: Decimal, *, key: str, **_: Any) -> None:
        if actor == self._failing_for:
            raise self._by
        self.granted.add((actor, amount, key))
