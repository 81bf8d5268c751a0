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
from tests.unit.sdk.fake_service import TOKEN, URL, FakeService, always, instead, lost_answer, no_connection, problem

Run = Callable[..., Result]

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:51.2225670,879,55
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "usage.csv"
    path.write_text(AZURE)
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


def test_the_azure_trace_needs_no_options_and_ends_with_a_table_and_a_json_line(
    run: Run, service: FakeService, file: Path
) -> None:
    fund_all(service)
    result = run(file)
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


def test_costs_are_sent_as_decimal_strings_with_three_decimals(run: Run, service: FakeService, file: Path) -> None:
    run(file, "--limit", 1, "--app", "chat")
    assert json.loads(service.seen[0].content) == {
        "actor": "user:0005",
        "cost": "137.500",
        "if_insufficient": "refuse",
        "app": "chat",
        "meter": "llm",
        "metadata": {
            "model": "gpt-4o",
            "input_tokens": 374,
            "output_tokens": 44,
            "used_at": "2023-11-16T18:15:46.680590+00:00",
        },
    }


def test_the_same_file_again_is_replayed_and_charges_nothing(run: Run, service: FakeService, file: Path) -> None:
    fund_all(service)
    assert line(run(file, "--limit", 2, "--json"))["charged"] == 2
    again = line(run(file, "--json"))
    assert (again["charged"], again["replayed"]) == (1, 2)
    assert set(service.charges().values()) == {1}


def test_another_run_id_charges_the_same_file_on_purpose(run: Run, service: FakeService, file: Path) -> None:
    fund_all(service)
    run(file)
    assert line(run(file, "--run-id", "second"))["charged"] == 3


def test_json_prints_the_line_alone(run: Run, file: Path) -> None:
    assert len(run(file, "--json").stdout.splitlines()) == 1


def test_refused_rows_are_on_the_record_and_no_failure(run: Run, file: Path) -> None:
    result = run(file)
    assert (result.exit_code, line(result)["refused"]) == (0, 3)


def test_overdrawing_and_a_multiplier_are_options(run: Run, service: FakeService, file: Path) -> None:
    summary = line(run(file, "--if-insufficient", "overdraw", "--price-multiplier", "1.2"))
    assert (summary["charged"], summary["charged_microcents"]) == (3, 744_300)


def test_actors_seed_and_model_are_options(run: Run, service: FakeService, file: Path) -> None:
    run(file, "--actors", "1", "--model", "gpt-4o-mini", "--seed", "1")
    assert {json.loads(request.content)["actor"] for request in service.seen} == {"user:0001"}
    assert json.loads(service.seen[0].content)["metadata"]["model"] == "gpt-4o-mini"


def test_columns_can_be_named_and_a_key_column_gives_the_keys(run: Run, service: FakeService, tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    path.write_text('{"who": "user:alice", "llm": "gpt-4o", "i": 10, "o": 1, "ref": "ref-1", "when": "2026-01-01"}\n')
    named = ["actor", "who", "model", "llm", "input", "i", "output", "o", "key", "ref", "time", "when"]
    options = [word if n % 2 else f"--{word}-column" for n, word in enumerate(named)]
    assert run(path, *options).exit_code == 0
    assert service.keys_seen() == ["ref-1"]
    assert json.loads(service.seen[0].content)["metadata"]["used_at"] == "2026-01-01T00:00:00+00:00"


def test_standard_input_is_a_file_too(run: Run) -> None:
    assert line(run("-", text=AZURE))["requests"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--actor-column", "user"), "no column 'user'"),
        (("--model", "no-such-model"), "there is no price for the model 'no-such-model'"),
        (("--price-multiplier", "-1"), "must be 0 or more"),
        (("--price-multiplier", "x"), "not a number"),
        (("--concurrency", "0"), "--concurrency"),
        (("--run-id", "a b"), "the run id"),
    ],
)
def test_a_mistake_exits_with_2_before_anything_is_sent(
    run: Run, service: FakeService, file: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run(file, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert service.seen == []


def test_a_file_that_is_not_there_exits_with_2(run: Run) -> None:
    assert run("nowhere.csv").exit_code == 2


def test_failed_rows_exit_with_3_and_the_first_are_told(run: Run, service: FakeService, file: Path) -> None:
    fund_all(service)
    service.faults.append(instead(lambda: problem(422, "validation_failed")))
    result = run(file, "--concurrency", "1")
    assert (result.exit_code, line(result)["failed"]) == (3, 1)
    assert "-1 of user:0005 failed: because of validation_failed" in result.stderr


def test_a_service_that_is_gone_exits_with_3_and_the_summary_so_far(run: Run, service: FakeService, file: Path) -> None:
    service.faults = always(no_connection)
    result = run(file)
    assert (result.exit_code, line(result)["requests"]) == (3, 0)
    assert "stopped: the service cannot be reached" in result.stderr


def test_a_refused_token_exits_with_4(run: Run, file: Path) -> None:
    assert run(file, token="another").exit_code == 4


def test_lost_answers_are_found_out_within_the_run(run: Run, service: FakeService, file: Path) -> None:
    fund_all(service)
    service.faults.append(lost_answer)
    summary = line(run(file))
    assert (summary["charged"] + summary["replayed"], summary["failed"]) == (3, 0)


def test_an_interrupted_run_exits_with_130_and_its_summary(
    run: Run, service: FakeService, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund_all(service)

    def interrupt(*_: object) -> httpx.Response:
        raise KeyboardInterrupt

    service.faults.append(interrupt)
    result = run(file, "--concurrency", "1")
    assert (result.exit_code, line(result)["interrupted"]) == (130, True)
    assert "run the same command again" in result.stderr
    assert line(run(file))["requests"] == 3
