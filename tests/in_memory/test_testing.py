"""What users of `millicent.testing` are promised."""

import importlib
import json
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import httpx
import pytest

from millicent import (
    AccountBusy,
    BatchCharge,
    Forbidden,
    HoldEnded,
    InsufficientCredits,
    Millicent,
    NotFound,
    OutcomeUnknown,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from millicent.testing import InMemoryMillicent
from tests.in_memory.conftest import ROOT, build_hook
from tests.integration.world import SPENDING
from tests.template.test_routes import FUNCTION, OPEN, ROUTES, SCOPES


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["detail-type"] for event in events]


def test_a_charge_whose_answer_is_lost_is_charged_once(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 1000)
    millicent.fail_next("lost_answer", times=3)
    receipt = millicent.charge("user:alice", "137.5")
    assert receipt.replayed
    assert millicent.account("user:alice").spent == Decimal("137.5")
    assert names(millicent.events) == ["credit.funding-update", "credit.record-cost"]


@pytest.mark.parametrize("failure", ["throttled", "account_busy", "unavailable"])
def test_a_charge_that_fails_once_goes_through_with_the_next_attempt(
    millicent: InMemoryMillicent, failure: Literal["throttled", "account_busy", "unavailable"]
) -> None:
    millicent.fund("user:alice", 1000)
    millicent.fail_next(failure)
    assert not millicent.charge("user:alice", 10).replayed
    assert millicent.account("user:alice").spent == 10


def test_a_client_that_is_throttled_until_its_deadline_says_so(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 1000)
    millicent.fail_next("throttled", times=100)
    with pytest.raises(Throttled):
        millicent.charge("user:alice", 10)
    assert names(millicent.events) == ["credit.funding-update"]


def test_a_charge_of_a_busy_account_is_never_on_the_record(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 1000)
    millicent.fail_next("account_busy", times=100)
    with pytest.raises(AccountBusy) as busy:
        millicent.charge("user:alice", 10, key="work-1")
    assert (busy.value.status, busy.value.code) == (429, "account_busy")
    assert busy.value.retry_after_s is not None
    assert names(millicent.events) == ["credit.funding-update"]


def test_a_busy_account_can_be_read(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 1000)
    millicent.fail_next("account_busy", times=2)
    assert millicent.account("user:alice").available == 1000
    assert millicent.check("user:alice", 10).allowed


def test_a_charge_without_any_answer_until_the_deadline_has_an_unknown_outcome(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 1000)
    millicent.fail_next("lost_answer", times=100)
    with pytest.raises(OutcomeUnknown) as unknown:
        millicent.charge("user:alice", 10, key="work-1")
    assert unknown.value.idempotency_key == "work-1"
    assert len([name for name in names(millicent.events) if name == "credit.record-cost"]) == 1


@pytest.mark.parametrize(
    "read",
    [
        lambda each: each.account("user:alice"),
        lambda each: each.usage("user:alice"),
        lambda each: list(each.accounts()),
    ],
)
def test_a_read_fails_too(millicent: InMemoryMillicent, read: Callable[[Millicent], object]) -> None:
    millicent.fund("user:alice", 1000)
    millicent.fail_next("unavailable", times=100)
    with pytest.raises(Unavailable):
        read(millicent)


@pytest.mark.parametrize("failure", ["throttled", "account_busy"])
def test_each_charge_of_a_batch_is_turned_away_and_none_is_recorded(
    millicent: InMemoryMillicent, failure: Literal["throttled", "account_busy"]
) -> None:
    millicent.fund("user:alice", 1000)
    millicent.fail_next(failure, times=100)
    charges = [BatchCharge(actor="user:alice", cost=1) for _ in range(3)]
    assert [result.status for result in millicent.charge_batch(charges)] == [429, 429, 429]
    assert names(millicent.events) == ["credit.funding-update"]


def test_health_never_fails(millicent: InMemoryMillicent) -> None:
    millicent.fail_next("unavailable")
    assert millicent.health().status == "ok"


def test_a_failure_that_is_none_is_refused(millicent: InMemoryMillicent) -> None:
    with pytest.raises(ValueError, match="lost_answer, throttled, account_busy, unavailable"):
        millicent.fail_next("lost")  # type: ignore[arg-type]


def test_a_hold_expires_when_the_clock_is_advanced(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 100)
    hold = millicent.hold("user:alice", 40, ttl_s=60).hold
    assert hold is not None
    millicent.clock.advance(minutes=2)
    assert names(millicent.events)[-1] == "credit.expire"
    with pytest.raises(HoldEnded):
        millicent.capture("user:alice", hold.id)


def test_the_clock_is_set_to_a_time_that_answers_have(millicent: InMemoryMillicent) -> None:
    millicent.clock.set("2026-01-31T23:59:00Z")
    assert millicent.fund("user:alice", 100).entry.at == datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
    millicent.clock.advance(timedelta(hours=1))
    assert millicent.clock.now == datetime(2026, 2, 1, 0, 59, tzinfo=UTC)


def test_the_clock_does_not_go_back_behind_what_is_recorded(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 100)
    with pytest.raises(ValueError, match="go back"):
        millicent.clock.set("2020-01-01T00:00:00Z")


def test_a_time_without_an_offset_is_refused(millicent: InMemoryMillicent) -> None:
    with pytest.raises(ValueError, match="no offset"):
        millicent.clock.set("2026-01-31T23:59:00")


def test_an_allowance_comes_again_with_the_month(millicent: InMemoryMillicent) -> None:
    millicent.clock.set("2026-01-15T12:00:00Z")
    millicent.set_allowance("user:alice", 100, "monthly")
    millicent.charge("user:alice", 100)
    with pytest.raises(InsufficientCredits):
        millicent.charge("user:alice", 1)
    millicent.clock.set("2026-02-01T00:00:00Z")
    assert millicent.charge("user:alice", 1).balance.available == 99


def test_the_events_are_those_that_a_consumer_gets(millicent: InMemoryMillicent) -> None:
    millicent.clock.set("2025-11-23T12:13:20Z")
    millicent.fund("user:alice", 1000)
    millicent.charge("user:alice", "42.125", meter="llm", check_id="check-1")
    expected = json.loads((ROOT / "events/bus/record-cost.json").read_text())
    event = millicent.events[-1]
    assert event.keys() == expected.keys()
    assert event["detail"].keys() == expected["detail"].keys()
    assert set(event["detail"]["data"]) >= set(expected["detail"]["data"])
    assert (event["time"], event["detail"]["data"]["amount"]) == (expected["time"], Decimal("-42.125"))


def test_a_check_is_published_too(millicent: InMemoryMillicent) -> None:
    millicent.check("user:alice")
    assert names(millicent.events) == ["credit.check-available"]


def test_audit_and_usage_know_a_charge_at_once(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 100)
    millicent.charge("user:alice", 30, meter="llm")
    assert millicent.audit("user:alice").verified is True
    assert [(each.meter, each.net) for each in millicent.usage("user:alice").items] == [("llm", Decimal(30))]


def test_the_sums_of_the_tenant_know_a_charge_at_once_over_all_pages(millicent: InMemoryMillicent) -> None:
    with millicent.client() as client:
        for number in range(5):
            client.grant(f"user:{number}", 100)
            client.charge(f"user:{number}", number + 1, meter=f"m-{number % 2}")
        ranked = client.tenant_usage(group_by="actor", max_items=3)
        assert {each.actor: each.net for each in ranked.items} == {"user:4": 5, "user:3": 4, "user:2": 3}
        assert [each.actor for each in ranked.items] == ["user:4", "user:3", "user:2"]
        assert ranked.next is not None
        by_meter = client.tenant_usage()
        assert {each.meter: each.net for each in by_meter.items} == {"m-0": 9, "m-1": 6}
        assert (by_meter.next, by_meter.through_members.count) == (None, 0)


def test_accounts_are_listed_with_what_is_due_applied(millicent: InMemoryMillicent) -> None:
    for actor in ("user:bob", "user:alice", "team"):
        millicent.grant(actor, 100)
    millicent.hold("user:bob", 40, ttl_s=60)
    millicent.configure("team", low_balance_thresholds=[200], status="frozen")
    shown: list[object] = [(each.actor, each.available, each.held) for each in millicent.accounts("user:", page_size=1)]
    assert shown == [("user:alice", 100, 0), ("user:bob", 60, 40)]
    millicent.clock.advance(timedelta(seconds=61))
    assert [each.available for each in millicent.accounts("user:b")] == [100]
    assert [(each.actor, each.status) for each in millicent.accounts(low=True)] == [("team", "frozen")]
    assert list(millicent.accounts(low=True, status="open")) == []


def test_a_rate_card_prices_the_next_charge(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 100)
    millicent.put_rate({"meter": "pages", "prices": {"pages": {"price": "1.5"}}})
    usage = {"meter": "pages", "pages": 4}
    assert millicent.charge("user:alice", usage=usage).entry.amount == -6
    millicent.put_rate({"meter": "pages", "prices": {"pages": {"price": "2"}}})
    assert millicent.charge("user:alice", usage=usage).entry.amount == -8
    assert [card.version for card in millicent.rates("pages")] == [1, 2]


def test_each_service_is_empty_and_its_own(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 100)
    with InMemoryMillicent() as other:
        other.fund("user:alice", 5)
        assert other.account("user:alice").available == 5
    assert millicent.account("user:alice").available == 100


def test_another_client_sees_the_same_accounts(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 100)
    with millicent.client() as other:
        assert other.account("user:alice").available == 100


def test_a_token_without_the_scope_is_forbidden(millicent: InMemoryMillicent) -> None:
    with millicent.client(scopes=["credits/read"]) as reader, pytest.raises(Forbidden):
        reader.charge("user:alice", 1)


def test_an_actor_acts_for_others_only_with_the_scope_for_it(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:bob", 100)
    with millicent.client(scopes=["credits/read"], actor="user:carol") as user, pytest.raises(Forbidden):
        user.account("user:bob")
    with millicent.client(scopes=["credits/read", "credits/act"], actor="user:carol") as operator:
        assert operator.account("user:bob").available == 100
        assert [each.actor for each in operator.accounts()] == ["user:bob"]


def test_the_gateway_refuses_before_a_function_is_called(millicent: InMemoryMillicent) -> None:
    def asked(path: str, token: str | None) -> tuple[int, str, str]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = millicent.transport.handle_request(httpx.Request("GET", f"http://127.0.0.1{path}", headers=headers))
        return answer.status_code, answer.headers["Content-Type"], answer.json()["message"]

    assert asked("/v1/accounts/a", None) == (401, "application/json", "Unauthorized")
    assert asked("/v1/accounts/a", millicent.token(["credits/fund"])) == (403, "application/json", "Forbidden")
    assert asked("/v2/accounts/a", millicent.token()) == (404, "application/json", "Not Found")


def test_an_end_user_acts_for_itself_alone(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 100)
    with millicent.client(actor="user:alice") as alice:
        assert alice.charge("user:alice", 1).entry.by == "user:alice"
        with pytest.raises(Forbidden):
            alice.charge("user:bob", 1)
        with pytest.raises(Forbidden, match="services and operators"):
            list(alice.accounts())


def test_a_call_without_a_token_is_refused(millicent: InMemoryMillicent) -> None:
    with (
        Millicent("http://127.0.0.1", "none", transport=millicent.transport) as stranger,
        pytest.raises(Unauthenticated),
    ):
        stranger.account("user:alice")


def test_threads_share_a_service(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 100)
    with ThreadPoolExecutor(8) as threads:
        receipts = list(threads.map(lambda _: millicent.charge("user:alice", 1), range(50)))
    assert millicent.account("user:alice").spent == 50
    assert sorted(receipt.entry.seq for receipt in receipts) == list(range(2, 52))


def test_nothing_is_printed(millicent: InMemoryMillicent, capfd: pytest.CaptureFixture[str]) -> None:
    millicent.fund("user:alice", 100)
    millicent.charge("user:alice", 1)
    assert capfd.readouterr() == ("", "")


def test_the_level_of_the_root_logger_stays_as_it_is(copied: Callable[[str], ModuleType]) -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.INFO)
    try:
        importlib.reload(copied("functions"))
        assert root.level == logging.INFO
    finally:
        root.setLevel(before)


def test_the_environment_is_not_read(millicent: InMemoryMillicent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("MILLICENT_TOKEN", "another")
    with InMemoryMillicent() as service:
        assert service.fund("user:alice", 1).balance.available == 1


def test_the_gateway_has_the_routes_of_the_template_but_the_console(copied: Callable[[str], ModuleType]) -> None:
    routes = copied("in_memory.routes").ROUTES
    of_calls = {key for key in ROUTES if FUNCTION.get(key) != "Console"}
    assert {route.key: route.scope for route in routes} == {**dict.fromkeys(of_calls & set(OPEN)), **SCOPES}
    functions = {route.key: route.function for route in routes}
    assert functions == {key: FUNCTION.get(key, "Accounts").lower() for key in of_calls}


def test_what_is_counted_as_usage_is_what_the_rule_of_the_template_takes(copied: Callable[[str], ModuleType]) -> None:
    assert copied("in_memory.bus").SPENDING == SPENDING


def test_the_copy_needs_nothing_of_aws(service_copy: Path) -> None:
    source = "\n".join(file.read_text() for file in service_copy.rglob("*.py"))
    imported = set(re.findall(r"^\s*(?:from|import) (\w+)", source, re.MULTILINE))
    assert not imported & {"boto3", "botocore", "pynamodb", "shared", "functions", "in_memory"}


def test_a_module_of_the_copy_differs_from_its_source_in_imports_alone(service_copy: Path) -> None:
    for file in service_copy.rglob("*.py"):
        relative = file.relative_to(service_copy)
        if relative.parts == ("__init__.py",):
            continue
        pairs = zip(file.read_text().splitlines(), (ROOT / relative).read_text().splitlines(), strict=True)
        differing = [(copy, source) for copy, source in pairs if copy != source]
        assert all(
            re.match(r"\s*from millicent\._service\.[\w.]+ import", copy) and source.lstrip().startswith("from ")
            for copy, source in differing
        ), relative


def test_an_import_that_cannot_be_written_anew_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "in_memory").mkdir()
    (tmp_path / "in_memory" / "service.py").write_text("import shared.ledger\n")
    with pytest.raises(ImportError, match=r"write `from"):
        build_hook().copy_service(tmp_path, tmp_path / "copy")


def test_there_are_no_digests(millicent: InMemoryMillicent) -> None:
    millicent.fund("user:alice", 1)
    with pytest.raises(NotFound):
        millicent.proof("user:alice")
    with pytest.raises(NotFound):
        millicent.digest("latest")


def test_the_example_of_the_page_is_the_file_that_runs() -> None:
    page = (ROOT / "docs" / "testing.md").read_text()
    assert f"```python\n{(ROOT / 'docs' / 'examples' / 'test_assistant.py').read_text()}```" in page


def test_the_example_of_the_readme_runs(millicent: InMemoryMillicent) -> None:
    readme = (ROOT / "sdk" / "README.md").read_text()
    example = readme.partition("## Testing your code")[2].partition("```python")[2].partition("```")[0]
    names_of_example: dict[str, Any] = {}
    exec(example, names_of_example)  # noqa: S102 - our own text
    names_of_example["test_a_lost_answer_is_charged_exactly_once"](millicent)
