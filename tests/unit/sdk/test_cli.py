"""The command line: what each command sends, prints and exits with."""

import base64
import errno
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import httpx
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from millicent import Clock, Millicent
from millicent.cli import main
from millicent.cli.invocation import Invocation
from shared.verification.digest import Digest
from tests.unit.sdk.fake_service import (
    TOKEN,
    URL,
    FakeService,
    always,
    answer,
    instead,
    lost_answer,
    no_connection,
    problem,
)

Run = Callable[..., Result]


@pytest.fixture
def run(service: FakeService, clock: Clock) -> Run:
    def invoke(*arguments: str) -> Result:
        invocation = Invocation(transport=service.transport, clock=clock)
        return CliRunner().invoke(main, ["--url", URL, "--token", TOKEN, *arguments], obj=invocation)

    return invoke


def document(result: Result) -> Any:
    """Standard output, which with --json holds one line and nothing else."""
    (line,) = result.stdout.splitlines()
    return json.loads(line)


def test_check_exits_with_0_when_allowed_and_1_when_not(run: Run, service: FakeService) -> None:
    service.fund("user:alice", 100)
    allowed, refused = run("check", "user:alice"), run("check", "user:alice", "--minimum", "100.001")
    assert (allowed.exit_code, refused.exit_code) == (0, 1)
    assert "allowed" in allowed.stdout
    assert "insufficient_credits" in refused.stdout


def test_check_prints_json_for_scripts(run: Run, service: FakeService) -> None:
    service.fund("user:alice", 100)
    assert document(run("check", "user:alice", "--json")) == {
        "allowed": True,
        "actor": "user:alice",
        "minimum": 100,
        "available": 100,
        "held": 0,
        "check_id": "check-1",
        "spendable": 100,
        "reason": None,
        "rate_card": None,
        "required": None,
        "shortfall": None,
        "largest_affordable": None,
        "limit": None,
    }


def test_check_asks_for_usage_and_a_meter(run: Run, service: FakeService) -> None:
    usage = '{"meter": "llm", "input_tokens": 10}'
    run("check", "user:alice", "--usage", usage, "--meter", "llm", "--app", "chat")
    assert json.loads(service.seen[-1].content) == {
        "actor": "user:alice",
        "usage": {"meter": "llm", "input_tokens": 10},
        "app": "chat",
        "meter": "llm",
    }


def test_cost_charges_and_shows_the_balance(run: Run, service: FakeService) -> None:
    service.fund("user:alice", 2000)
    options = ("--key", "key-1", "--meter", "llm", "--metadata", '{"tokens": 12}')
    result = run("cost", "user:alice", "1.375", *options)
    assert result.exit_code == 0
    assert "1,998.625" in result.stdout
    assert "key-1" in result.stdout
    assert service.rows["user:alice"][-1].metadata == {"tokens": 12}


def test_cost_takes_dollars_and_the_time_of_the_work(run: Run, service: FakeService) -> None:
    run("cost", "user:alice", "--cost-usd", "0.00042", "--occurred-at", "2026-11-30T09:00:00Z")
    body = json.loads(service.seen[-1].content)
    assert (body["cost_usd"], body["occurred_at"]) == ("0.00042", "2026-11-30T09:00:00+00:00")
    assert "give either COST or --usage or --cost-usd" in run("cost", "user:alice", "1", "--cost-usd", "1").stderr


def test_an_amount_in_json_keeps_its_exact_digits(run: Run) -> None:
    result = run("fund", "user:alice", "--old", "0", "--new", "999999999999.999", "--json")
    assert '"available":999999999999.999' in result.stdout


def test_cost_without_credits_exits_with_1_and_tells_the_shortfall(run: Run, service: FakeService) -> None:
    service.fund("user:alice", 4)
    result = run("cost", "user:alice", "10", "--json", "--key", "key-1")
    assert result.exit_code == 1
    error = document(result)["error"]
    assert (error["code"], error["shortfall"], error["idempotency_key"]) == ("insufficient_credits", 6, "key-1")
    assert result.stderr.splitlines() == [
        "millicent: because of insufficient_credits",
        "  required: 10.000",
        "  available: 4.000",
        "  held: 0.000",
        "  shortfall: 6.000",
        "  the refusal is final for the key key-1; a new attempt needs a new key",
    ]


def test_a_refusal_by_a_rolling_limit_of_a_model_says_so(run: Run, service: FakeService) -> None:
    amounts = {"required": 200, "available": 862.5, "held": 0, "shortfall": 37.5, "largest_affordable": 162.5}
    limit = {"model": "gpt-4o", "window": "PT5H", "amount": 300, "used": 137.5}
    service.faults.append(instead(lambda: problem(402, "limit_exceeded", limit=limit, **amounts)))
    assert "limit: 300.000 in any PT5H, model gpt-4o" in run("cost", "user:alice", "200").output.replace("\n", " ")


def test_a_refusal_by_a_limit_says_which_and_when_it_starts_again(run: Run, service: FakeService) -> None:
    amounts = {"required": 200, "available": 862.5, "held": 0, "shortfall": 37.5, "largest_affordable": 162.5}
    limit = {"app": "chat", "window": "day", "amount": 300, "used": 137.5, "resets_at": "2026-11-24T23:00:00Z"}
    service.faults.append(instead(lambda: problem(402, "limit_exceeded", limit=limit, **amounts)))
    shown = run("hold", "user:alice", "200", "--app", "chat").stderr
    assert "largest affordable: 162.500" in shown
    assert "limit: 300.000 every day, app chat" in shown
    assert "used: 137.500" in shown
    assert "resets: 2026-11-24T23:00:00Z" in shown


def test_a_replayed_refusal_says_that_it_is_one(run: Run, service: FakeService) -> None:
    service.fund("user:alice", 4)
    run("cost", "user:alice", "10", "--key", "key-1")
    assert (
        "refused before; the refusal is final for the key key-1"
        in run("cost", "user:alice", "10", "--key", "key-1").stderr
    )


def test_fund_sets_the_total_or_adds_a_grant(run: Run, service: FakeService) -> None:
    assert run("fund", "user:alice", "--old", "0", "--new", "100").exit_code == 0
    assert run("fund", "user:alice", "--amount", "5", "--category", "promotional").exit_code == 0
    assert service.available("user:alice") == 105


def test_fund_sends_every_term_of_a_grant(run: Run, service: FakeService) -> None:
    options = ("--category", "allowance", "--priority", "0", "--expires-at", "2030-01-31T12:00:00Z", "--reason", "may")
    assert run("fund", "user:alice", "--amount", "5", *options).exit_code == 0
    assert json.loads(service.seen[-1].content) == {
        "actor": "user:alice",
        "amount": "5",
        "category": "allowance",
        "priority": 0,
        "expires_at": "2030-01-31T12:00:00+00:00",
        "reason": "may",
    }


def test_a_funding_conflict_exits_with_1(run: Run) -> None:
    result = run("fund", "user:alice", "--old", "7", "--new", "100", "--json")
    assert (result.exit_code, document(result)["error"]["funded"]) == (1, 0)
    shown = run("fund", "user:alice", "--old", "7", "--new", "100").stderr
    assert "--old must equal it" in shown
    assert "funded: 0.000" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give --old and --new"),
        (("--old", "0"), "give --old and --new"),
        (("--old", "0", "--new", "1", "--amount", "1"), "give either"),
        (("--force", "--amount", "1"), "give either"),
        (("--priority", "0"), "a grant needs --amount"),
        (("--category", "gold", "--amount", "1"), "gold"),
    ],
)
def test_fund_takes_exactly_one_of_its_forms(
    run: Run, service: FakeService, options: tuple[str, ...], message: str
) -> None:
    result = run("fund", "user:alice", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert service.seen == []


def test_account_shows_balances_and_grants(run: Run, service: FakeService) -> None:
    service.fund("user:alice", 1234567)
    result = run("account", "user:alice")
    assert result.exit_code == 0
    assert "1,234,567.000" in result.stdout
    assert "purchased" in result.stdout


def test_an_unknown_account_exits_with_5(run: Run) -> None:
    result = run("account", "user:nobody")
    assert (result.exit_code, result.stderr) == (5, "millicent: because of account_not_found\n")


def test_entries_lists_the_newest_rows_over_pages(run: Run, service: FakeService, client: Millicent) -> None:
    service.fund("user:alice", 10_000)
    for _ in range(130):
        client.charge("user:alice", 1)
    result = run("entries", "user:alice", "--limit", "120", "--json")
    assert [item["seq"] for item in document(result)["items"]] == list(range(131, 11, -1))
    table = run("entries", "user:alice", "--kind", "grant")
    assert table.exit_code == 0
    assert "10,000.000" in table.stdout


def test_where_there_are_no_rows_none_are_announced(run: Run, service: FakeService) -> None:
    service.fund("user:alice", 1)
    assert run("entries", "user:alice", "--kind", "charge").stdout == "Entries of user:alice: none\n"


def test_entries_takes_times_with_their_offset_only(run: Run, service: FakeService) -> None:
    service.fund("user:alice", 1)
    assert run("entries", "user:alice", "--from", "2020-01-01T00:00:00Z").exit_code == 0
    assert service.seen[-1].url.params["from"] == "2020-01-01T00:00:00+00:00"
    assert "has no offset" in run("entries", "user:alice", "--to", "2020-01-01").stderr


def test_what_others_wrote_cannot_steer_the_terminal(run: Run, service: FakeService) -> None:
    run("fund", "user:alice", "--old", "0", "--new", "1", "--reason", "\x1b[2Jgone [red]x")
    shown = run("entries", "user:alice").stdout
    assert "\x1b" not in shown
    assert "[2Jgone [red]x" in shown


def test_audit_says_whether_the_chain_holds(run: Run, service: FakeService) -> None:
    service.fund("user:alice", 1)
    result = run("audit", "user:alice")
    assert result.exit_code == 0
    assert "sequence and chain are intact" in result.stdout


def test_a_broken_audit_trail_exits_with_1(run: Run, service: FakeService) -> None:
    service.faults.append(instead(lambda: answer(200, {"items": [], "verified": False})))
    result = run("audit", "user:alice")
    assert result.exit_code == 1
    assert "BROKEN" in result.stdout


def test_an_audit_trail_that_is_still_coming_in_is_not_broken(run: Run, service: FakeService) -> None:
    coming = {"items": [], "verified": "pending", "verified_through": 7}
    service.faults.append(instead(lambda: answer(200, coming)))
    result = run("audit", "user:alice")
    assert (result.exit_code, "up to seq 7" in result.stdout, "BROKEN" in result.stdout) == (0, True, False)


def test_operation_shows_what_became_of_a_key(run: Run, service: FakeService) -> None:
    service.fund("user:alice", 5)
    run("cost", "user:alice", "3", "--key", "key-1")
    run("cost", "user:alice", "3", "--key", "key-2")
    assert document(run("operation", "key-1", "--actor", "user:alice", "--json"))["status"] == 201
    refused = run("operation", "key-2", "--actor", "user:alice")
    assert refused.exit_code == 0
    assert "insufficient_credits" in refused.stdout
    assert "shortfall" in refused.stdout
    assert "replayed" not in refused.stdout
    assert run("operation", "key-3", "--actor", "user:alice").exit_code == 5


def test_health_says_that_the_service_answers(run: Run) -> None:
    assert document(run("health", "--json")) == {"status": "ok"}
    assert "ok" in run("health").stdout


def test_an_unknown_outcome_exits_with_3_and_shows_the_key_to_go_on_with(run: Run, service: FakeService) -> None:
    service.fund("user:alice", 5)
    service.faults = always(lost_answer)
    result = run("cost", "user:alice", "3")
    key = service.keys_seen()[0]
    assert result.exit_code == 3
    assert f"to retry, repeat the command with --key {key}" in result.stderr
    service.faults.clear()
    assert "replayed" in run("cost", "user:alice", "3", "--key", str(key)).stdout
    assert service.available("user:alice") == 2


def test_a_service_that_is_not_there_exits_with_3(run: Run, service: FakeService) -> None:
    service.faults = always(no_connection)
    result = run("check", "user:alice", "--json")
    assert result.exit_code == 3
    assert document(result)["error"]["code"] == "unreachable"


def test_the_deadline_is_an_option(run: Run, service: FakeService) -> None:
    service.faults = always(no_connection)
    run("--deadline", "0.25", "check", "user:alice")
    assert len(service.seen) == 2


def test_content_that_the_service_does_not_take_exits_with_2_and_names_the_fields(
    run: Run, service: FakeService
) -> None:
    errors = [{"path": "$.actor", "detail": "must be 1 to 128 of A-Z"}]
    service.faults.append(instead(lambda: problem(422, "validation_failed", errors=errors)))
    result = run("check", "user alice")
    assert result.exit_code == 2
    assert result.stderr == "millicent: invalid request:\n  ACTOR must be 1 to 128 of A-Z\n"


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_does_not_permit_it_exits_with_4(run: Run, service: FakeService, status: int) -> None:
    service.faults.append(instead(lambda: httpx.Response(status, json={"message": "no"})))
    assert run("check", "user:alice").exit_code == 4


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "a token lasts an hour"), (403, "lacks the scope"), (404, "check the URL of the API")],
)
def test_what_the_gateway_refuses_in_a_word_comes_with_what_to_do(
    run: Run, service: FakeService, status: int, advice: str
) -> None:
    service.faults.append(instead(lambda: httpx.Response(status, json={"message": "no"})))
    assert advice in run("check", "user:alice").stderr


@pytest.mark.parametrize(("option", "exit_code"), [("--token", 2), ("--key", 2)])
def test_what_no_header_can_hold_is_refused_before_anything_is_sent(
    service: FakeService, clock: Clock, option: str, exit_code: int
) -> None:
    invocation = Invocation(transport=service.transport, clock=clock)
    given = {"--token": TOKEN, option: "secret\npart"}
    arguments = ["--url", URL, "--token", given.pop("--token"), "cost", "user:alice", "1", *sum(given.items(), ())]
    result = CliRunner().invoke(main, arguments, obj=invocation)
    assert (result.exit_code, service.seen) == (exit_code, [])
    assert option == "--key" or "secret" not in result.stderr


def test_a_statement_that_cannot_be_written_is_told_in_a_line(run: Run, service: FakeService) -> None:
    service.faults.append(instead(lambda: httpx.Response(200, text="at,seq\n", headers={"Content-Type": "text/csv"})))
    result = run("statement", "user:alice", "--csv", "nodir/a.csv")
    assert result.exit_code == 2
    assert result.stderr == "millicent: nodir/a.csv cannot be written: No such file or directory\n"


def test_a_statement_for_a_device_goes_into_it_and_does_not_replace_it(
    run: Run, service: FakeService, tmp_path: Path
) -> None:
    service.faults.append(instead(lambda: httpx.Response(200, text="at,seq\n", headers={"Content-Type": "text/csv"})))
    (tmp_path / "null").symlink_to("/dev/null")
    assert run("statement", "user:alice", "--csv", "null").exit_code == 0
    assert (tmp_path / "null").is_char_device()


def test_a_proof_that_cannot_be_written_is_told_in_a_line(run: Run, service: FakeService) -> None:
    service.faults.append(instead(lambda: answer(200, {"version": 1})))
    result = run("digest", "proof", "user:alice", "--out", "nodir/x")
    assert (result.exit_code, result.stderr) == (
        2,
        "millicent: nodir/x cannot be written: No such file or directory\n",
    )


@pytest.fixture
def no_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, err: bool = False, **__: object) -> None:
        if not err:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rich.console.Console.print", fail)
    monkeypatch.setattr("millicent.cli.output.click.echo", echo_on(fail))


def echo_on(fail: Callable[..., None]) -> Callable[..., None]:
    """To standard error all can be written still."""
    echo = click.echo

    def chosen(message: str, *, nl: bool = True, err: bool = False) -> None:
        if err:
            echo(message, nl=nl, err=True)
        else:
            fail()

    return chosen


@pytest.mark.usefixtures("no_output")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_charge_whose_receipt_cannot_be_written_is_not_taken_for_refused(
    run: Run, service: FakeService, options: tuple[str, ...]
) -> None:
    service.fund("user:alice", 10)
    result = run("cost", "user:alice", "3", "--key", "key-1", *options)
    assert result.exit_code == 2
    assert "standard output cannot be written: No space left on device" in result.stderr
    assert "the operation is recorded, repeat the command with --key key-1" in result.stderr
    assert service.available("user:alice") == 7


@pytest.mark.usefixtures("no_output")
def test_a_refusal_that_cannot_be_written_is_a_refusal_still(run: Run, service: FakeService) -> None:
    service.fund("user:alice", 1)
    assert run("cost", "user:alice", "3", "--json").exit_code == 1


def test_an_unknown_service_exits_with_2_and_says_what_to_do() -> None:
    result = CliRunner().invoke(main, ["health"])
    assert result.exit_code == 2
    assert "set MILLICENT_URL" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cost", "user:alice", "abc"), "not an amount"),
        (("cost", "user:alice", "NaN"), "not a finite amount"),
        (("cost", "user:alice", "1", "--metadata", "[1]"), "not a JSON object"),
        (("cost", "user:alice"), "give either COST or --usage"),
        (("check", "user:alice", "--minimum", "x"), "not an amount"),
        (("fund", "user:alice", "--amount", "1", "--expires-at", "soon"), "not a time"),
        (("entries", "user:alice", "--limit", "0"), "--limit"),
        (("operation", "key-1"), "--actor"),
    ],
)
def test_bad_usage_exits_with_2_and_sends_nothing(
    run: Run, service: FakeService, arguments: tuple[str, ...], message: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert service.seen == []


def test_an_interrupted_charge_tells_the_key_to_find_out_with(run: Run, service: FakeService) -> None:
    def interrupt(*_: object) -> httpx.Response:
        raise KeyboardInterrupt

    service.faults.append(interrupt)
    result = run("cost", "user:alice", "1")
    assert result.exit_code == 130
    assert f"--key {service.keys_seen()[0]}" in result.stderr


def test_a_command_without_a_key_is_interrupted_without_advice(run: Run, service: FakeService) -> None:
    def interrupt(*_: object) -> httpx.Response:
        raise KeyboardInterrupt

    service.faults.append(interrupt)
    assert run("check", "user:alice").stderr == "millicent: interrupted\n"


def test_the_exit_codes_are_in_the_help() -> None:
    shown = CliRunner().invoke(main, ["--help"]).stdout
    assert "130  interrupted" in shown


def test_python_dash_m_is_the_same_command_line() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "millicent", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert shown.startswith("Usage: millicent [OPTIONS] COMMAND")


SIGNING: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC: Final = SIGNING.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)


def digests(*said: dict[str, Any]) -> list[dict[str, Any]]:
    """Digests 1, 2, 3 …, signed and linked."""
    made: list[dict[str, Any]] = []
    for number, more in enumerate(said, start=1):
        previous = hashlib.sha256(made[-1]["text"].encode()).hexdigest() if made else "0" * 64
        named: dict[str, Any] = {
            "number": number,
            "made_at": "now",
            "count": 1,
            "root": "r",
            "previous": previous,
            "key": "k",
        }
        text = Digest(**{"root": "r", "key": "k"} | named | more).text
        signature = base64.b64encode(SIGNING.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        public_key = base64.b64encode(PUBLIC).decode()
        made.append({"text": text, "signature": signature, "public_key": public_key, "key_id": "key"})
    return made


def _same(told: httpx.Response) -> httpx.Response:
    return told


def kept_result(run: Run, service: FakeService, kept: Path, shown: list[dict[str, Any] | None]) -> Result:
    """`shown` is what the service answers, its newest first."""
    for each in shown:
        told = problem(404, "digest_not_found") if each is None else answer(200, each)
        service.faults.append(instead(partial(_same, told)))
    return run("digest", "verify", "--kept", str(kept), "--key", hashlib.sha256(PUBLIC).hexdigest())


@pytest.mark.parametrize("form", ["one", "array", "lines", "event", "proof"])
def test_kept_digests_that_are_the_services_still_hold(
    run: Run, service: FakeService, tmp_path: Path, form: str
) -> None:
    first, second, third = digests({}, {}, {})
    event = {"detail": {"data": {"number": 1, **first}}}
    lines = "\n".join(map(json.dumps, (first, second)))
    forms = {"one": first, "array": [first, second], "event": event, "proof": {"digest": first, "path": []}}
    (tmp_path / "kept").write_text(lines if form == "lines" else json.dumps(forms[form]))
    result = kept_result(run, service, tmp_path / "kept", [third, first, second, third])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "from 1 on, are the service's still, and lead to its newest, 3 of now" in result.stdout


def test_kept_digests_that_do_not_hold_exit_with_1_and_say_why(run: Run, service: FakeService, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first, second = digests({}, {})
    another = digests({"root": "another"})[0]
    kept.write_text(json.dumps(first))
    other = kept_result(run, service, kept, [second, another])
    assert (other.exit_code, other.stderr) == (1, "NOT PROVED: the service's digest 1 differs from the kept digest\n")
    gone = kept_result(run, service, kept, [None])
    assert (gone.exit_code, gone.stderr) == (1, "NOT PROVED: the service has no digest at all\n")
    told = digests({}, {"regressions": 3})
    confessed = kept_result(run, service, kept, [told[1], *told])
    assert (confessed.exit_code, "but digest(s) 2 say" in confessed.stdout) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--kept", "empty"],
        ["--kept", "other"],
        ["--kept", "kept", "proof"],
        ["--kept", "kept", "--records", "kept"],
        [],
    ],
)
def test_what_is_no_kept_digest_is_bad_usage(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    for name, text in {"empty": "", "other": '{"a": 1}', "kept": json.dumps(digests({})), "proof": "{}"}.items():
        (tmp_path / name).write_text(text)
    given = [str(tmp_path / each) if each.isalpha() else each for each in arguments]
    assert run("digest", "verify", *given, "--key", "0" * 64).exit_code == 2
