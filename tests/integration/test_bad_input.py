"""Everything that is refused before the ledger is asked: nothing changes, nothing is a failure of ours."""

import json
from typing import Any

import pytest

from shared.ledger.ids import REQUIREMENT
from tests.integration.world import SERVICE, World

ALICE = "user:alice"
CALLS = {
    "/v1/check": {"actor": ALICE, "minimum": 5},
    "/v1/cost": {"actor": ALICE, "cost": 5},
    "/v1/funding": {"actor": ALICE, "old_amount": 100, "new_amount": 200},
}
AMOUNTS = {"/v1/check": "minimum", "/v1/cost": "cost", "/v1/funding": "new_amount"}
NESTED = "[" * 3000 + "]" * 3000
HUGE = "9" * 5000


pytestmark = pytest.mark.usefixtures("socket_disabled")


@pytest.fixture(scope="module")
def funded(shared_world: World) -> World:
    """Alice has 100 millicents, before and after every test that takes this."""
    shared_world.fund({"actor": ALICE, "old_amount": 0, "new_amount": 100}, key="paid-in")
    return shared_world


def send(world: World, path: str, text: str | None, **how: Any) -> Any:
    """Sends, and sees that nothing changed."""
    before = world.contents()
    answer = world.call("POST", path, text=text, **{"key": "k", **how})
    assert world.contents() == before
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["type"] == f"urn:millicent:problem:{answer.code}"
    assert answer.body["status"] == answer.status
    return answer


def spelled(path: str, **members: str) -> str:
    """The call's body with these members, given as JSON text."""
    texts = {name: json.dumps(value) for name, value in CALLS[path].items()} | members
    return "{" + ", ".join(f'"{name}": {text}' for name, text in texts.items()) + "}"


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize(
    "text",
    [
        None, "", "nonsense", "{", "[]", "null", "1", '"text"', '{"actor": }', "{'actor': 'x'}", '{"actor": "x"} more',
        '\ufeff{"actor": "x"}', '{"actor": "x", "cost": NaN}', '{"actor": "x", "cost": Infinity}',
        '{"actor": "x", "cost": -Infinity}', '{"actor": "x", "cost": 01}',
        '{"actor": "\\ud800"}', '{"actor": ["\\udfff"]}', '{"\\ud800": 1}', '{"actor": "a\nb"}',
        f'{{"metadata": {NESTED}}}', NESTED,
        '{"a":' * 1000 + "1" + "}" * 1000, "[" * 8000,
    ],
    ids=lambda text: repr(text)[:40],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused(funded: World, path: str, text: str | None) -> None:
    answer = send(funded, path, text)
    assert (answer.status, answer.code) == (400, "invalid_json")


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize(
    "text", ['{"actor": "x", "actor": "x"}', '{"metadata": {"a": [{"b": 1, "b": 2}]}}', '{"a": 1, "\\u0061": 2}']
)
def test_a_key_that_is_there_twice_is_refused_at_any_depth(funded: World, path: str, text: str) -> None:
    answer = send(funded, path, text)
    assert (answer.status, answer.code) == (400, "duplicate_json_key")


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("as_base64", [False, True])
@pytest.mark.parametrize("filling", ["a" * 9216, "é" * 4500], ids=["9 KiB", "8 KiB in bytes alone"])
def test_a_body_above_8_kib_is_too_large(funded: World, path: str, filling: str, as_base64: bool) -> None:
    text = f'{{"actor": "{filling}"}}'
    answer = send(funded, path, text, as_base64=as_base64)
    assert (answer.status, answer.code) == (413, "body_too_large")


@pytest.mark.parametrize("body", ["not base64!", "/w==", "e"], ids=["no base64", "no UTF-8", "cut"])
def test_a_base64_body_that_is_none_is_refused(funded: World, body: str) -> None:
    before = funded.contents()
    event = {
        "rawPath": "/v1/cost",
        "headers": {"idempotency-key": "k"},
        "requestContext": {
            "requestId": "r",
            "stage": "$default",
            "http": {"method": "POST", "path": "/v1/cost"},
            "authorizer": {"jwt": {"claims": SERVICE}},
        },
        "body": body,
        "isBase64Encoded": True,
    }
    answer = funded.invoke("cost", event)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (400, "invalid_json")
    assert funded.contents() == before


@pytest.mark.parametrize("path", CALLS)
def test_an_unknown_field_is_refused_by_name(funded: World, path: str) -> None:
    answer = send(funded, path, spelled(path, surprise="1", tenant='"other"'))
    assert (answer.status, set(answer.errors)) == (422, {"$.surprise", "$.tenant"})


@pytest.mark.parametrize("path", CALLS)
def test_every_missing_field_is_named(funded: World, path: str) -> None:
    answer = send(funded, path, "{}")
    assert answer.status == 422
    assert answer.errors["$.actor"] == "is required"


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize(
    ("written", "detail"),
    [
        ("true", "must be a number or a decimal string"),
        ("null", "must be a number or a decimal string"),
        ("[1]", "must be a number or a decimal string"),
        ("{}", "must be a number or a decimal string"),
        ('"abc"', 'must be a number or a decimal string such as "42.5"'),
        ('""', 'must be a number or a decimal string such as "42.5"'),
        ('"NaN"', 'must be a number or a decimal string such as "42.5"'),
        ('"1e3"', 'must be a number or a decimal string such as "42.5"'),
        ('" 1"', 'must be a number or a decimal string such as "42.5"'),
        ('"1\\n"', 'must be a number or a decimal string such as "42.5"'),
        ('"٣"', 'must be a number or a decimal string such as "42.5"'),
        ("-1", "must be 0 or more"),
        ('"-0.001"', "must be 0 or more"),
        ("0.0001", "must be an amount with at most three decimals"),
        ('"1.0000"', "must be an amount with at most three decimals"),
        ("1e-400", "must be an amount with at most three decimals"),
        ("1000000000000.001", "must be at most 1000000000000 millicents"),
        ("1e400", "must be at most 1000000000000 millicents"),
        ("9" * 300, "must be at most 1000000000000 millicents"),
        (HUGE, "must be at most 1000000000000 millicents"),
        (f"0.{HUGE}", "must be an amount with at most three decimals"),
        ("1e99999999999999999999", "must be a finite number"),
    ],
)
def test_an_amount_that_is_none_is_refused_in_words(funded: World, path: str, written: str, detail: str) -> None:
    field = AMOUNTS[path]
    answer = send(funded, path, spelled(path, **{field: written}))
    assert (answer.status, answer.code, answer.errors) == (422, "validation_failed", {f"$.{field}": detail})


@pytest.mark.parametrize("written", ["0", '"0.000"'])
def test_a_grant_of_nothing_is_refused(funded: World, written: str) -> None:
    answer = send(funded, "/v1/funding", f'{{"actor": "{ALICE}", "amount": {written}}}')
    assert answer.errors == {"$.amount": "must be more than 0"}


@pytest.mark.parametrize(
    ("path", "field"),
    [("/v1/check", "actor"), ("/v1/check", "app"), ("/v1/cost", "actor"), ("/v1/cost", "app"), ("/v1/cost", "meter"),
     ("/v1/cost", "check_id"), ("/v1/funding", "actor")],
)  # fmt: skip
@pytest.mark.parametrize(
    "written",
    [
        '""',
        '"a#b"',
        '"user:٣"',
        '"alice\\n"',
        '"a b"',
        '"é"',
        '"a\\\\b"',
        '"~expire-1"',
        json.dumps("a" * 129),
        "1",
        "true",
        "[]",
    ],
)
def test_an_id_of_other_characters_is_refused(funded: World, path: str, field: str, written: str) -> None:
    answer = send(funded, path, spelled(path, **{field: written}))
    assert (answer.status, answer.errors) == (
        422, {f"$.{field}": f"must be {REQUIREMENT}"},
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/cost", "/v1/funding"])
@pytest.mark.parametrize("key", [None, "", '""', "  "], ids=["no header", "empty", "empty in quotes", "blank"])
def test_a_mutation_without_a_key_is_refused(funded: World, path: str, key: str | None) -> None:
    answer = send(funded, path, spelled(path), key=key)
    assert (answer.status, answer.code) == (400, "idempotency_key_required")


@pytest.mark.parametrize("path", ["/v1/cost", "/v1/funding"])
@pytest.mark.parametrize("key", ["a b", "a#b", "a~b", '"a', 'a"', '"', "k٣", "k" * 129, "~expire-1", "a\n"])
def test_a_key_of_other_characters_is_refused(funded: World, path: str, key: str) -> None:
    answer = send(funded, path, spelled(path), key=key)
    assert (answer.status, set(answer.errors)) == (422, {"header.Idempotency-Key"})


@pytest.mark.parametrize(
    ("path", "field", "written", "detail"),
    [
        ("/v1/cost", "if_insufficient", '"maybe"', "must be one of refuse, overdraw, partial"),
        ("/v1/cost", "if_insufficient", "null", "must be one of refuse, overdraw, partial"),
        ("/v1/cost", "metadata", "[]", "must be a JSON object"),
        ("/v1/cost", "metadata", '"text"', "must be a JSON object"),
        ("/v1/cost", "metadata", '{"a":' * 9 + "1" + "}" * 9, "must be a JSON object with at most 8 levels of nesting"),
        (
            "/v1/cost",
            "metadata",
            '{"a":' + "[" * 8 + "]" * 8 + "}",
            "must be a JSON object with at most 8 levels of nesting",
        ),
        ("/v1/cost", "metadata", '{"a": 1e400}', "must be JSON whose numbers fit in a double"),
        ("/v1/cost", "metadata", '{"a": [9223372036854775808]}', "must be JSON whose integers fit in 64 bits"),
        ("/v1/funding", "force", "1", "must be true or false"),
        ("/v1/funding", "reason", json.dumps("a" * 257), "must be a text of at most 256 characters"),
        ("/v1/funding", "reason", "1", "must be a text of at most 256 characters"),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused_in_words(
    funded: World, path: str, field: str, written: str, detail: str
) -> None:
    answer = send(funded, path, spelled(path, **{field: written}))
    assert (answer.status, answer.errors) == (422, {f"$.{field}": detail})


@pytest.mark.parametrize(
    ("field", "written", "detail"),
    [
        ("category", '"gift"', "must be one of purchased, promotional, allowance"),
        ("priority", "100", "must be a whole number from 0 to 99"),
        ("priority", "-1", "must be a whole number from 0 to 99"),
        ("priority", "1.5", "must be a whole number from 0 to 99"),
        ("priority", "true", "must be a whole number from 0 to 99"),
        ("priority", '"1"', "must be a whole number from 0 to 99"),
        (
            "expires_at",
            '"2099-01-01T00:00:00"',
            'must be an RFC 3339 time with an offset, such as "2026-01-31T12:00:00Z"',
        ),
        ("expires_at", '"2099-01-01"', 'must be an RFC 3339 time with an offset, such as "2026-01-31T12:00:00Z"'),
        (
            "expires_at",
            '"2099-02-30T00:00:00Z"',
            'must be an RFC 3339 time with an offset, such as "2026-01-31T12:00:00Z"',
        ),
        ("expires_at", "4070908800", 'must be an RFC 3339 time with an offset, such as "2026-01-31T12:00:00Z"'),
        ("expires_at", '"9999-12-31T23:59:59-12:00"', "must be before the year 10000 in UTC"),
    ],
)
def test_a_field_of_a_grant_is_refused_in_words(funded: World, field: str, written: str, detail: str) -> None:
    answer = send(funded, "/v1/funding", f'{{"actor": "{ALICE}", "amount": 5, "{field}": {written}}}')
    assert (answer.status, answer.errors) == (422, {f"$.{field}": detail})


def test_everything_that_is_wrong_is_named_at_once(funded: World) -> None:
    answer = send(funded, "/v1/cost", '{"actor": "a#b", "cost": -1, "meter": 5, "x y": 1}')
    assert set(answer.errors) == {"$.actor", "$.cost", "$.meter", '$["x y"]'}


def test_a_body_of_unknown_fields_alone_names_no_more_than_a_person_reads(funded: World) -> None:
    text = "{" + ",".join(f'"f{number}":1' for number in range(500)) + "}"
    assert len(send(funded, "/v1/cost", text).body["errors"]) == 32
