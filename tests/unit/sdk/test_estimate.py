"""`millicent estimate`: counted units, times prices, in the order of magnitude that a bill has."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from millicent.bill import prices
from millicent.bill.estimate import DURATION_MS, Load, Month, dollars_per_million_charges, estimate
from millicent.bill.prices import PRICES
from millicent.bill.units import COUNTED
from millicent.cli import main
from tests.template.loading import properties, template

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "cost.md").read_text()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["estimate", *arguments])


def total(dollars: dict[str, float]) -> float:
    return sum(dollars.values())


def test_a_million_single_charges_cost_at_most_nine_dollars_and_a_fifth_with_everything_behind_them() -> None:
    # The fifth is for what is told of the whole tenant.
    assert dollars_per_million_charges(10_000_000) <= 9.2


def test_the_fuller_the_batches_behind_the_less_a_charge_costs() -> None:
    dollars = [dollars_per_million_charges(charges) for charges in (10**5, 10**6, 10**7, 10**8)]
    assert dollars == sorted(dollars, reverse=True)
    assert dollars[0] < 16


def test_batches_and_leases_cost_less_than_five_dollars_a_million() -> None:
    found = estimate(Month(charges=10**7, lease=500)).charges
    assert max(total(dict(found[name])) / 10 for name in found if name != "single") < 5


def test_a_charge_has_its_write_units_and_a_share_of_the_feeds_item() -> None:
    writes = {charges: estimate(Month(charges=charges)).charges["single"]["DynamoDB writes"] for charges in (1, 10**9)}
    assert writes[1] == pytest.approx((5 + 1 + 1 + 1) * 0.625 / 10**6)
    assert writes[10**9] == pytest.approx((5 + 1 + 1 + 0.06) * 0.625 * 1000)


def test_checks_and_holds_have_columns_of_their_own_and_none_without_any() -> None:
    found = estimate(Month(charges=1, checks=10**6, check_events="none"))
    assert found.checks["EventBridge"] == found.checks["SQS"] == total(dict(found.holds)) == 0
    assert found.checks["API Gateway"] == 1
    assert total(dict(estimate(Month(charges=1, checks=10**6)).checks)) > 2 * total(dict(found.checks))


def test_a_hold_is_priced_with_its_capture() -> None:
    assert estimate(Month(charges=0, holds=10**6)).holds["API Gateway"] == 2


def test_loads_add_up_and_have_a_price_for_every_unit() -> None:
    once = Load(dict.fromkeys(PRICES, 1))
    assert once.plus(once, once).amounts == once.times(3).amounts
    assert set(once.dollars) == {price.item for price in PRICES.values()}


def test_all_figures_are_in_the_json_document() -> None:
    told = json.loads(run("--charges", "10M", "--lease", "500", "--json").output)
    assert told["prices"] == {"region": "us-east-1", "as_of": prices.AS_OF}
    assert set(told["charges"]) == {"single", "batches of 90", "leased, each", "leased, summed"}
    assert told["month"]["charges"] == 10_000_000


@pytest.mark.parametrize(
    ("text", "number"), [("500", 500), ("20k", 20_000), ("2.5M", 2_500_000), ("1G", 10**9), ("0", 0)]
)
def test_numbers_have_a_short_spelling(text: str, number: float) -> None:
    assert json.loads(run("--charges", text, "--json").output)["month"]["charges"] == number


@pytest.mark.parametrize("text", ["", "M", "10x", "-1", "nan", "1e400", "10MM"])
def test_what_is_no_number_is_refused_with_a_sentence(text: str) -> None:
    refused = run("--charges", text)
    assert refused.exit_code == 2
    assert "is not" in refused.output


def test_nothing_at_all_is_an_answer_too() -> None:
    assert run("--charges", "0").exit_code == 0


def blocks(page: str) -> list[tuple[list[str], str]]:
    """The commands of a page with what they print."""
    found = re.findall(r"```console\n\$ millicent estimate ([^\n]*)\n(.*?)```", page, flags=re.DOTALL)
    return [(arguments.split(), output) for arguments, output in found]


def without_margins(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def test_the_page_shows_what_the_command_prints() -> None:
    assert blocks(PAGE)
    for arguments, output in blocks(PAGE):
        assert without_margins(run(*arguments).output) == without_margins(output)


def test_the_page_has_every_price_with_its_page_and_every_counted_unit() -> None:
    for price in (*PRICES.values(), prices.STORED_BYTES):
        assert f"| {price.item} | {price.unit} | " in PAGE
        assert price.page in PAGE
    for name, units in COUNTED.items():
        assert f"| {name} | {units.calls:g} | {units.write_units:g} | {units.read_units:g} |" in PAGE
    for name, duration_ms in DURATION_MS.items():
        assert f"{name} {duration_ms:g}" in PAGE


def test_the_page_says_what_a_million_costs() -> None:
    for charges in (1_000_000, 10_000_000, 100_000_000):
        assert f"| {charges:,} | {dollars_per_million_charges(charges):.2f} |" in PAGE


def test_windows_batches_and_memory_are_those_of_the_template() -> None:
    stream, audit, usage = map(properties, ("OutboxStream", "AuditQueueMapping", "UsageQueueMapping"))
    assert (stream["MaximumBatchingWindowInSeconds"], stream["BatchSize"]) == (1, 100)
    assert (audit["MaximumBatchingWindowInSeconds"], audit["BatchSize"]) == (5, 100)
    assert (usage["MaximumBatchingWindowInSeconds"], usage["BatchSize"]) == (10, 100)
    assert template()["Globals"]["Function"]["MemorySize"] == 1024
