"""`millicent replay`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from millicent import Clock
from millicent.cli import main
from millicent.cli.invocation import Invocation
from millicent.replay import actor_names
from tests.unit.sdk.fake_service import (
    TOKEN,
    URL,
    FakeService,
    Fault,
    always,
    instead,
    lost_answer,
    no_connection,
    problem,
)

Run = Callable[..., Result]

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:51.2225670,879,55
"""
TOLD = ("--actors", 200, "--model", "gpt-4o")
"""What that trace does not say."""
OWN = """timestamp,user,model,input_tokens,output_tokens
2026-11-01T09:00:00Z,user:carla,gpt-4o,374,44
2026-11-01T09:00:04Z,user:carla,gpt-4o-mini,396,109
2026-11-01T09:00:09Z,user:dora,gpt-4o,879,55
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "usage.csv"
    path.write_text(AZURE)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file that says everything."""
    path = tmp_path / "own.csv"
    path.write_text(OWN)
    return path


@pytest.fixture
def run(service: FakeService, clock: Clock) -> Run:
    def invoke(*arguments: object, text: str | None = None, token: str = TOKEN) -> Result:
        invocation = Invocation(transport=service.transport, clock=clock)
        words = ["--url", URL, "--token", token, "replay", *map(str, arguments)]
        return CliRunner().invoke(main, words, obj=invocation, input=text)

    return invoke


def line(result: Result) -> Any:
    """The summary: the last line on standard output."""
    return json.loads(result.stdout.splitlines()[-1])


def fund_all(service: FakeService) -> None:
    for actor in actor_names(200):
        service.fund(actor, 100_000)


def charges(service: FakeService) -> list[Any]:
    return [json.loads(request.content) for request in service.seen if request.url.path == "/v1/cost"]


def on_charges(fault: Fault) -> Fault:
    """The quotes before the first charge pass."""

    def stand_between(request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
        if request.url.path == "/v1/cost":
            return fault(request, serve)
        return serve()

    return stand_between


def test_a_trace_with_actors_and_a_model_ends_with_a_table_and_a_json_line(
    run: Run, service: FakeService, file: Path
) -> None:
    fund_all(service)
    result = run(file, *TOLD)
    assert result.exit_code == 0
    assert "charged now (millicents)" in result.stdout
    # gpt-4o, $2.50 and $10 a million: 137.5 + 208 + 274.75 millicents.
    summary = line(result)
    assert summary.pop("seconds") >= 0
    assert summary == {
        "rows": 3,
        "requests": 3,
        "charged": 3,
        "refused": 0,
        "replayed": 0,
        "failed": 0,
        "holds": 0,
        "captures": 0,
        "charged_microcents": 620_250,
        "replayed_microcents": 0,
        "shortfall_microcents": 0,
        "input_tokens": 1649,
        "output_tokens": 208,
        "interrupted": False,
    }


def test_what_was_recognised_is_told_first_on_standard_error(run: Run, own: Path) -> None:
    assert run(own).stderr.splitlines()[0].startswith("recognised ")


def test_a_row_is_sent_as_its_usage_with_its_time_and_never_as_an_amount(
    run: Run, service: FakeService, file: Path
) -> None:
    run(file, "--default-actor", "user:carla", "--model", "gpt-4o", "--limit", 1, "--app", "chat")
    assert charges(service) == [
        {
            "actor": "user:carla",
            "usage": {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44},
            "occurred_at": "2023-11-16T18:15:46.680590+00:00",
            "if_insufficient": "refuse",
            "app": "chat",
        }
    ]


def test_the_same_file_again_is_replayed_and_charges_nothing(run: Run, service: FakeService, file: Path) -> None:
    fund_all(service)
    assert line(run(file, *TOLD, "--limit", 2, "--json"))["charged"] == 2
    again = line(run(file, *TOLD, "--json"))
    assert (again["charged"], again["replayed"]) == (1, 2)
    assert set(service.charges().values()) == {1}


def test_another_run_id_charges_the_same_file_on_purpose(run: Run, service: FakeService, file: Path) -> None:
    fund_all(service)
    run(file, *TOLD)
    assert line(run(file, *TOLD, "--run-id", "second"))["charged"] == 3


def test_json_prints_the_line_alone(run: Run, file: Path) -> None:
    assert len(run(file, *TOLD, "--json").stdout.splitlines()) == 1


def test_refused_rows_are_on_the_record_and_no_failure(run: Run, file: Path) -> None:
    result = run(file, *TOLD)
    assert (result.exit_code, line(result)["refused"]) == (0, 3)


def test_overdrawing_is_an_option(run: Run, file: Path) -> None:
    summary = line(run(file, *TOLD, "--if-insufficient", "overdraw"))
    assert (summary["charged"], summary["charged_microcents"]) == (3, 620_250)


def test_a_multiplier_is_refused_with_what_to_do_instead(run: Run, service: FakeService, file: Path) -> None:
    result = run(file, *TOLD, "--price-multiplier", "1.2")
    assert result.exit_code == 2
    assert "only the service prices" in result.stderr
    assert "adjustment" in result.stderr
    assert service.seen == []


def test_actors_seed_and_model_are_options(run: Run, service: FakeService, file: Path) -> None:
    run(file, "--actors", "1", "--model", "gpt-4o-mini", "--seed", "1")
    assert {each["actor"] for each in charges(service)} == {"user:0001"}
    assert {each["usage"]["model"] for each in charges(service)} == {"gpt-4o-mini"}


def test_columns_can_be_named_and_a_key_column_gives_the_keys(run: Run, service: FakeService, tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    path.write_text('{"who": "user:alice", "llm": "gpt-4o", "i": 10, "o": 1, "ref": "ref-1", "when": "2026-01-01"}\n')
    named = ["actor", "who", "model", "llm", "input", "i", "output", "o", "key", "ref", "time", "when"]
    options = [word if n % 2 else f"--{word}-column" for n, word in enumerate(named)]
    assert run(path, *options).exit_code == 0
    assert service.keys_seen() == [None, "ref-1"]
    assert charges(service)[0]["occurred_at"] == "2026-01-01T00:00:00+00:00"


def test_standard_input_is_a_file_too(run: Run) -> None:
    assert line(run("-", *TOLD, text=AZURE))["requests"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--actor-column", "user"), "no column 'user'"),
        (("--hold-factor", "-1"), "must be 0 or more"),
        (("--hold-factor", "x"), "not a number"),
        (("--batch", "2", "--holds"), "one of --batch, --holds and --lease"),
        (("--lease", "500", "--if-insufficient", "partial"), "takes no --if-insufficient"),
        (("--lease", "much"), "not an amount"),
        (("--concurrency", "0"), "--concurrency"),
        (("--run-id", "a b"), "the run id"),
    ],
)
def test_a_mistake_exits_with_2_before_anything_is_sent(
    run: Run, service: FakeService, file: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run(file, *TOLD, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert service.seen == []


def test_a_model_without_a_price_exits_with_2_before_anything_is_charged(
    run: Run, service: FakeService, own: Path
) -> None:
    own.write_text(OWN.replace("gpt-4o,879", "no-such-model,879"))
    result = run(own)
    assert result.exit_code == 2
    assert "row 3: because of unpriced" in result.stderr
    assert charges(service) == []


def test_with_skip_invalid_rows_without_a_price_are_reported_and_the_report_can_be_replayed(
    run: Run, service: FakeService, own: Path, tmp_path: Path
) -> None:
    own.write_text(OWN.replace("gpt-4o,879", "no-such-model,879"))
    service.fund("user:carla", 100_000)
    service.fund("user:dora", 100_000)
    report = tmp_path / "report.jsonl"
    result = run(own, "--skip-invalid", report)
    summary = line(result)
    assert (result.exit_code, summary["charged"], summary["failed"]) == (3, 2, 1)
    assert [(each["row"], each["actor"], each["model"]) for each in summary["failures"]] == [
        (3, "user:dora", "no-such-model")
    ]
    report.write_text(report.read_text().replace("no-such-model", "gpt-4o"))
    again = line(run(report))
    assert (again["charged"], again["charged_microcents"]) == (1, 879 * 250 + 55 * 1000)


def test_rows_that_cannot_be_read_are_skipped_and_reported_on_request(
    run: Run, service: FakeService, own: Path, tmp_path: Path
) -> None:
    own.write_text(OWN.replace("396", "many"))
    assert run(own).exit_code == 2
    service.fund("user:carla", 100_000)
    service.fund("user:dora", 100_000)
    report = tmp_path / "report.jsonl"
    result = run(own, "--skip-invalid", report)
    assert (result.exit_code, line(result)["charged"]) == (0, 2)
    assert "1 invalid row is skipped" in result.stderr
    assert len(report.read_text().splitlines()) == 1


def test_a_dry_run_shows_prices_and_totals_and_charges_nothing(run: Run, service: FakeService, own: Path) -> None:
    result = run(own, "--dry-run")
    assert result.exit_code == 0
    assert line(result) == {"dry_run": True, "rows": 3, "priced": 3, "unpriced": 0, "amount_microcents": 424_730}
    assert "274.750" in result.stdout
    assert charges(service) == []


def test_a_dry_run_as_json_has_every_row_the_totals_and_what_has_no_price(run: Run, own: Path) -> None:
    own.write_text(OWN.replace("gpt-4o,879", "no-such-model,879"))
    result = run(own, "--dry-run", "--json")
    found = line(result)
    assert result.exit_code == 3
    assert (found["priced"], found["unpriced"], found["amount_microcents"]) == (2, 1, 149_980)
    assert [(each["row"], each["amount"], each["card"]) for each in found["prices"]] == [
        (1, 137.5, "fake@1"),
        (2, 12.48, "fake@1"),
    ]
    assert [(each["actor"], each["model"], each["rows"], each["amount"]) for each in found["totals"]] == [
        ("user:carla", "gpt-4o", 1, 137.5),
        ("user:carla", "gpt-4o-mini", 1, 12.48),
    ]
    assert [(each["row"], each["model"], each["reason"]) for each in found["unpriced_rows"]] == [
        (3, "no-such-model", "because of unpriced")
    ]


def test_a_file_that_is_not_there_exits_with_2(run: Run) -> None:
    assert run("nowhere.csv").exit_code == 2


def test_failed_rows_exit_with_3_and_the_first_are_told(run: Run, service: FakeService, file: Path) -> None:
    fund_all(service)
    service.faults.extend([on_charges(instead(lambda: problem(422, "validation_failed")))] * 2)
    result = run(file, *TOLD, "--concurrency", "1")
    assert (result.exit_code, line(result)["failed"]) == (3, 1)
    assert "millicent: row 1, " in result.stderr
    assert " failed: because of validation_failed" in result.stderr
    assert [(each["row"], each["reason"]) for each in line(result)["failures"]] == [(1, "because of validation_failed")]


def test_a_service_that_is_gone_exits_with_3_and_the_summary_so_far(run: Run, service: FakeService, file: Path) -> None:
    service.faults = always(no_connection)
    result = run(file, *TOLD)
    assert (result.exit_code, line(result)["requests"]) == (3, 0)
    assert "stopped: the service cannot be reached" in result.stderr


def test_a_refused_token_exits_with_4(run: Run, file: Path) -> None:
    assert run(file, *TOLD, token="another").exit_code == 4


def test_lost_answers_are_found_out_within_the_run(run: Run, service: FakeService, file: Path) -> None:
    fund_all(service)
    service.faults.append(lost_answer)
    summary = line(run(file, *TOLD))
    assert (summary["charged"] + summary["replayed"], summary["failed"]) == (3, 0)


def test_an_interrupted_run_exits_with_130_and_its_summary(
    run: Run, service: FakeService, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund_all(service)

    def interrupt(*_: object) -> httpx.Response:
        raise KeyboardInterrupt

    service.faults.extend([on_charges(interrupt)] * 2)
    result = run(file, *TOLD, "--concurrency", "1")
    assert (result.exit_code, line(result)["interrupted"]) == (130, True)
    assert "run the same command again" in result.stderr
    assert line(run(file, *TOLD))["requests"] == 3
