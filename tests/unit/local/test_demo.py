from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from local.demo import Demo, charge, demo, fund
from local.row_counts import RowCounts, row_counts
from local.usage_generator import TRAFFIC, generated_usage
from millicent import Millicent
from millicent.replay import HOLD_SUFFIX, BadUsage, HoldTerms, Pricer, Terms, Usage, price_all, read_usage, replay
from tests.unit.sdk.fake_service import TOKEN, URL, FakeService

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
    counted = Counter(row.model for row in rows)
    for traffic in TRAFFIC:
        assert counted[traffic.model] / len(rows) == pytest.approx(traffic.share, abs=0.05)


def test_token_counts_have_the_median_and_the_long_tail_they_were_given() -> None:
    for traffic in TRAFFIC:
        for counts in (traffic.input_tokens, traffic.output_tokens):
            assert counts.at(0.5) == counts.median
            assert counts.at(1e-9) >= 1
            assert counts.median * 3 < counts.at(1 - 1e-9) <= counts.most


def test_the_same_usage_is_the_same_run_and_has_the_same_budgets(tmp_path: Path) -> None:
    assert demo(None, 100) == demo(None, 100)
    assert demo(None, 100).run_id != demo(None, 101).run_id


def test_most_actors_can_pay_for_their_usage_and_a_few_cannot() -> None:
    plan = demo(None, 500)
    costs: Counter[str] = Counter()
    for priced in price_all(plan.rows, Pricer()):
        costs[priced.usage.actor] += priced.cost_microcents
    short = [actor for actor, budget in plan.budgets_microcents.items() if budget < costs[actor]]
    assert 0 < len(short) < len(plan.budgets_microcents) / 5
    assert plan.busiest_actor not in short


def test_a_file_without_actor_and_model_is_recognised(tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(AZURE)
    plan = demo(file, 1000)
    assert [(row.input_tokens, row.output_tokens) for row in plan.rows] == [(374, 44), (396, 109)]


def test_a_file_that_is_no_usage_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text("colour\nblue\n")
    with pytest.raises(BadUsage):
        demo(file, 10)


def test_every_actor_is_granted_its_budget_under_the_key_of_the_run() -> None:
    client = _Grants()
    plan = Demo(rows=[], run_id="r1", budgets_microcents={"user:a": 2000, "user:b": 5000})
    fund(cast("Millicent", client), plan, concurrency=2)
    assert client.granted == {("user:a", Decimal(2), "demo-r1"), ("user:b", Decimal(5), "demo-r1")}


def test_an_actor_that_cannot_be_funded_stops_the_demo() -> None:
    client = _Grants(failing_for="user:b")
    plan = Demo(rows=[], run_id="r1", budgets_microcents={"user:a": 2000, "user:b": 5000})
    with pytest.raises(RuntimeError):
        fund(cast("Millicent", client), plan, concurrency=2)


def test_the_ledger_says_what_became_of_a_row() -> None:
    rows = [Usage(key, "user:a", "gpt-4o", 1, 1) for key in ("old", "new", "declined", "lost")]
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


def test_what_a_run_charged_is_a_replay_to_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(AZURE)
    service = FakeService()
    plan = demo(file, 2)
    with Millicent(URL, TOKEN, transport=service.transport) as client:
        fund(client, plan, 1)
        assert charge(client, plan, 1).charged == 2
        again = replay(client, read_usage(file.read_bytes()), 1, terms=Terms(holds=HoldTerms(factor=Decimal(2))))
    assert (again.replayed, again.failed) == (2, 0)
    # To the service, the same key with other content would be no replay but a mistake.
    charges = [request.content for request in service.seen if request.url.path == "/v1/cost"]
    assert charges[:2] == charges[2:]


class _Grants:
    def __init__(self, failing_for: str = "") -> None:
        self.granted: set[tuple[str, Decimal, str]] = set()
        self._failing_for = failing_for

    def grant(self, actor: str, amount: Decimal, *, key: str, **_: Any) -> None:
        if actor == self._failing_for:
            raise RuntimeError("no funds")
        self.granted.add((actor, amount, key))
