"""Usage files: what is read from them, and what is refused before anything is charged."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import pytest

from millicent.replay import (
    BadUsage,
    Columns,
    Reading,
    Usage,
    ZipfActors,
    actor_names,
    load_usage,
    read_usage,
    report,
    zipf_actors,
)

AZURE = b"""TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
"""
CSV = b"user,model,prompt_tokens,completion_tokens\nuser:alice,gpt-4o,10,2\nuser:bob,gpt-4o-mini,30,4\n"
HEADER = "user,model,input_tokens,output_tokens"
FOR_AZURE = Reading(model="gpt-4o", actors=200)
FOR_TOKENS = Reading(model="gpt-4o", default_actor="user:payer")


def faults(content: bytes | str, reading: Reading | None = None) -> str:
    with pytest.raises(BadUsage) as refusal:
        read_usage(content.encode() if isinstance(content, str) else content, reading)
    return str(refusal.value)


def shown(rows: list[Usage]) -> list[tuple[object, ...]]:
    return [(row.actor, *(row.usage or {}).values()) for row in rows]


TWO = [("user:alice", "llm", "gpt-4o", 10, 2), ("user:bob", "llm", "gpt-4o-mini", 30, 4)]


def test_a_csv_with_common_names_needs_no_options() -> None:
    assert shown(read_usage(CSV)) == TWO


def test_a_usage_document_is_what_the_service_prices() -> None:
    assert read_usage(CSV)[0].usage == {"meter": "llm", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (CSV, "CSV, separator ,, UTF-8"),
        (CSV.replace(b",", b";"), "CSV, separator ;, UTF-8"),
        (CSV.replace(b",", b"\t"), "CSV, separator tab, UTF-8"),
        (CSV.replace(b",", b"|"), "CSV, separator |, UTF-8"),
        (b"sep=;\r\n" + CSV.replace(b",", b";"), "CSV, separator ;, UTF-8"),
        (b"sep=\t\n" + CSV.replace(b",", b"\t"), "CSV, separator tab, UTF-8"),
        (b"\xef\xbb\xbf" + CSV.replace(b"\n", b"\r\n"), "CSV, separator ,, UTF-8 with a byte order mark"),
        (CSV.decode().encode("utf-16"), "CSV, separator ,, UTF-16"),
        (CSV.decode().encode("utf-16-le"), "CSV, separator ,, utf-16-le"),
        (CSV.decode().encode("utf-16-be"), "CSV, separator ,, utf-16-be"),
        (CSV.replace(b"\n", b"\r"), "CSV, separator ,, UTF-8"),
        (b'"sep=;"\r' + CSV.replace(b"\n", b"\r").replace(b",", b";"), "CSV, separator ;, UTF-8"),
        (gzip.compress(CSV, mtime=0), "CSV, separator ,, UTF-8, gzip"),
        (b'"user","model","prompt_tokens","completion_tokens"\n' + CSV.partition(b"\n")[2], "CSV, separator ,, UTF-8"),
        (CSV.replace(b"\n", b",,\n") + b",,,,,\n", "CSV, separator ,, UTF-8"),
    ],
)
def test_the_same_table_is_read_however_it_is_written(content: bytes, told: str) -> None:
    read = load_usage(content)
    assert shown(list(read.rows)) == TWO
    assert read.recognised.facts()["format"] == told


@pytest.mark.parametrize("wrap", [list, lambda rows: {"data": rows}, lambda rows: {"page": 1, "items": rows}])
def test_json_arrays_are_read_bare_and_within_a_document(wrap: "type[list[object]]") -> None:
    rows = [
        {"user": "user:alice", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2},
        {"user": "user:bob", "model": "gpt-4o-mini", "input_tokens": "30", "output_tokens": 4.0, "tags": [1]},
    ]
    assert shown(read_usage(json.dumps(wrap(rows), indent=1).encode())) == TWO


def test_blank_lines_before_the_header_are_none() -> None:
    assert len(read_usage(f"\n\r\n{HEADER}\na,gpt-4o,1,2\n".encode())) == 1


def test_json_lines_are_read_like_a_csv() -> None:
    lines = b'{"user": "user:alice", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2, "extra": [1]}\n\n'
    lines += '{"user": "user:bob", "model": "a\u2028b", "input_tokens": "30", "output_tokens": 4}'.encode()
    assert shown(read_usage(lines)) == [TWO[0], ("user:bob", "llm", "a\u2028b", 30, 4)]


def test_a_name_in_windows_encoding_is_read_and_the_encoding_told() -> None:
    content = "user;model;input_tokens;output_tokens;note\na;gpt-4o;1;2;h\u00f4tel caf\u00e9 d\u00e9j\u00e0\n".encode(
        "cp1252"
    )
    assert load_usage(content).recognised.encoding == "cp1252"


def test_the_encoding_can_be_given() -> None:
    assert len(read_usage(CSV.decode().encode("cp037"), Reading(encoding="cp037"))) == 2
    assert "there is no encoding" in faults(CSV, Reading(encoding="x"))


def test_a_prompt_of_200_kb_is_only_a_cell() -> None:
    prompt = '"' + 'long, and; as ""quoted""\n' * 10_000 + '"'
    content = f"prompt,{HEADER}\n{prompt},user:alice,gpt-4o,10,2\n".encode()
    assert len(content) > 200_000
    assert shown(read_usage(content)) == TWO[:1]


def test_each_row_of_json_lines_has_its_own_model_and_user() -> None:
    lines = b'{"input_tokens": 1, "output_tokens": 1}\n'
    lines += b'{"user": "user:b", "model": "o3", "input_tokens": 2, "output_tokens": 2}\n'
    first, second = read_usage(lines, FOR_TOKENS)
    assert (first.actor, (first.usage or {})["model"]) == ("user:payer", "gpt-4o")
    assert (second.actor, (second.usage or {})["model"]) == ("user:b", "o3")


@pytest.mark.parametrize(
    ("content", "reading", "message"),
    [
        (
            AZURE,
            Reading(model="gpt-4o"),
            "row 1: no column says who pays; name it with --actor-column, or give --default-a",
        ),
        (AZURE, Reading(actors=1), "row 1: no column names the model; give the model of such rows with --model"),
        (
            f"{HEADER}\n,gpt-4o,1,2\nuser:b,gpt-4o,1,2\n",
            None,
            "row 1: user is blank; say who pays for such rows with --de",
        ),
        ('{"user":"","model":"o3","input_tokens":1,"output_tokens":1}\n{"user":"b"}', None, "row 1: user is blank"),
        (f"{HEADER}\nuser:b,,1,2\n", None, "row 1: model is blank; give the model of such rows with --model"),
        (f"{HEADER}\n,gpt-4o,1,2\nuser:b,gpt-4o,1,2\n", Reading(actors=9), "row 1: user is blank"),
    ],
)
def test_nobody_is_invented_and_no_model_is_taken_for_granted(
    content: bytes | str, reading: Reading | None, message: str
) -> None:
    assert message in faults(content, reading)


@pytest.mark.parametrize("nobody", ["", " ", "null", "None", "NaN"])
def test_what_programs_write_for_nobody_pays_nothing(nobody: str) -> None:
    content = f"{HEADER}\n{nobody},gpt-4o,1,2\nuser:b,gpt-4o,1,2\n"
    assert faults(content) == "row 1: user is blank; say who pays for such rows with --default-actor"


def test_a_blank_user_is_the_default_actor_if_one_is_given() -> None:
    content = f"{HEADER}\n,gpt-4o,1,2\nuser:b,gpt-4o,1,2\n".encode()
    assert [row.actor for row in read_usage(content, FOR_TOKENS)] == ["user:payer", "user:b"]


def test_two_columns_of_the_payer_that_say_the_same_are_one() -> None:
    content = b"user,user_id,model,input_tokens,prompt_tokens,output_tokens\na,a,gpt-4o,10,10.0,2\n"
    assert shown(read_usage(content)) == [("a", "llm", "gpt-4o", 10, 2)]


def test_the_azure_trace_is_recognised_with_its_time_and_given_actors() -> None:
    first, second = read_usage(AZURE, FOR_AZURE)
    assert first.occurred_at == datetime(2023, 11, 16, 18, 15, 46, 680590, tzinfo=UTC)
    assert first.usage == {"meter": "llm", "model": "gpt-4o", "input_tokens": 374, "output_tokens": 44}
    assert {first.actor, second.actor} <= set(actor_names(200))


def test_columns_can_be_named() -> None:
    content = b"who,what,in,out,ref,when,cents,via\nuser:alice,gpt-4o,10,2,ref-1,2026-01-31T12:00:00+01:00,1.50,chat\n"
    columns = Columns("who", "what", "in", "out", "ref", "when", "cents", "via")
    (row,) = read_usage(content, Reading(columns=columns))
    assert row == Usage(
        key="ref-1",
        actor="user:alice",
        usage={"meter": "llm", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2},
        cost_usd="1.5",
        occurred_at=datetime(2026, 1, 31, 11, tzinfo=UTC),
        app="chat",
        row=1,
    )


@pytest.mark.parametrize(
    ("cell", "cost"), [("0.0125", "0.0125"), ("1.5e-05", "0.000015"), ("0", "0"), ("2.50", "2.5"), ("1e2", "100")]
)
def test_a_cost_column_is_exact(cell: str, cost: str) -> None:
    (row,) = read_usage(f"user,price\na,{cell}\n".encode(), Reading(columns=Columns(cost="price")))
    assert (row.usage, row.cost_usd) == (None, cost)


def test_a_cost_in_json_keeps_all_its_digits() -> None:
    content = b'{"user": "a", "cost": 0.1234567890123456789012345}'
    assert read_usage(content, Reading(columns=Columns(cost="cost")))[0].cost_usd == "0.1234567890123456789012345"


@pytest.mark.parametrize("cell", ["", "-1", "0,15", "$2", "NaN", "Infinity", "1_0", "\u0662"])
def test_a_cost_that_is_no_amount_of_dollars_is_refused(cell: str) -> None:
    message = faults(f'user,price\na,"{cell}"\n', Reading(columns=Columns(cost="price")))
    assert "row 1: price is" in message
    assert "must be dollars, 0 or more, such as 0.0125" in message


def test_a_cost_in_another_currency_is_refused() -> None:
    message = faults("user,price,currency\na,1,EUR\n", Reading(columns=Columns(cost="price")))
    assert "row 1: currency is 'EUR' and must be USD" in message


@pytest.mark.parametrize(
    "column",
    ["cost", "total_cost_usd", "cacheHitTokens", "audio_tokens", "images", "thinking_tokens", "n_searches", "batch_id",
     "price_tier", "spend"],
)  # fmt: skip
def test_a_column_that_looks_like_billing_and_is_not_understood_stops_the_run(column: str) -> None:
    content = f"{HEADER},{column}\na,gpt-4o,1,2,0\nb,gpt-4o,1,2,7\n"
    message = faults(content)
    assert f"row 2: the column '{column}' looks like billing, is '7', and is not understood" in message
    assert "--ignore-column" in message
    assert len(read_usage(content.encode(), Reading(ignored_columns=frozenset({column})))) == 2


@pytest.mark.parametrize(
    "column",
    ["max_tokens", "tokens_per_second", "time_to_first_token_ms", "cache_key", "image_url", "token_id", "note"],
)
def test_a_column_that_no_price_depends_on_does_not(column: str) -> None:
    assert len(read_usage(f"{HEADER},{column}\na,gpt-4o,1,2,7\n".encode())) == 1


@pytest.mark.parametrize("column", ["when", "request_time", "eventTime", "usage_date", "createdOn", "datetime", "ts"])
@pytest.mark.parametrize("cell", ["2026-11-20T10:00:00Z", "2026-11-20", "20/11/2026", "1795600000"])
def test_a_time_in_a_column_that_is_not_understood_stops_the_run(column: str, cell: str) -> None:
    """Else the price would be that of now, and so would be the day of the usage."""
    content = f"{HEADER},{column}\na,gpt-4o,1,2,\nb,gpt-4o,1,2,{cell}\n"
    message = faults(content)
    assert f"row 2: the column '{column}' looks like the time of the usage, is '{cell}', and is not" in message
    assert f"--time-column '{column}'" in message
    assert len(read_usage(content.encode(), Reading(ignored_columns=frozenset({column})))) == 2


def test_another_time_than_that_of_the_usage_is_only_a_column() -> None:
    content = f"{HEADER},timestamp,end_time,latency_time\na,gpt-4o,1,2,2026-11-20T10:00:00Z,2026-11-20T10:00:09Z,9.5\n"
    assert len(read_usage(content.encode())) == 1
    assert len(read_usage(f"{HEADER},latency_time\na,gpt-4o,1,2,9.5\n".encode())) == 1


@pytest.mark.parametrize("column", ["timestamp", "time", "created_at", "createdAt", "startTime", "occurred_at", "date"])
def test_answers_of_a_provider_have_the_time_beside_them(column: str) -> None:
    usage = b'"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2}'
    for content in (usage, b'"usage": {"prompt_tokens": 1, "completion_tokens": 2}'):
        line = b'{"user": "a", "model": "m", "%s": "2026-11-20T10:00:00Z", %s}' % (column.encode(), content)
        (row,) = read_usage(line)
        assert row.occurred_at == datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize("value", ["0", "0.0", "", "false", "FALSE", "None"])
def test_a_column_of_nothing_does_not_either(value: str) -> None:
    (row,) = read_usage(f"{HEADER},images\na,gpt-4o,1,2,{value}\n".encode())
    assert "images" not in (row.usage or {})


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("batch", "TRUE", {"service_tier": "batch"}),
        ("batch", "False", {}),
        ("service_tier", "flex", {"service_tier": "flex"}),
        ("service_tier", "default", {}),
        ("cached_tokens", "5", {"cache_read_tokens": 5}),
        ("cache_write_tokens", "5", {"cache_write_tokens": 5}),
        ("reasoning_tokens", "2.0", {"output_reasoning_tokens": 2}),
        ("input_audio_tokens", "10", {"input_audio_tokens": 10}),
        ("output_audio_tokens", "0", {}),
        ("web_search_requests", "3", {"web_searches": 3}),
        ("num_requests", "40", {"requests": 40}),
        ("total_tokens", "12", {}),
    ],
)
def test_parts_of_usage_and_service_tiers_are_told_to_the_service(
    column: str, value: str, expected: dict[str, object]
) -> None:
    (row,) = read_usage(f"{HEADER},{column}\na,gpt-4o,10,2,{value}\n".encode())
    plain = {"meter": "llm", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2}
    assert row.usage == plain | expected


def test_anthropics_columns_have_anthropics_meaning_the_cache_comes_beside_the_input() -> None:
    content = "user,model,input_tokens,cache_creation_input_tokens,cache_read_input_tokens,output_tokens\n"
    (row,) = read_usage(f"{content}a,claude-sonnet-4-5,5,1253,128955,300\n".encode())
    assert row.usage == {
        "meter": "llm", "model": "claude-sonnet-4-5", "input_tokens": 130213, "output_tokens": 300,
        "cache_write_tokens": 1253, "cache_read_tokens": 128955,
    }  # fmt: skip


def test_what_came_out_of_a_cache_costs_nothing() -> None:
    (row,) = read_usage(f"{HEADER},cache_hit\na,gpt-4o,10,2,True\n".encode())
    assert (row.usage, row.cost_usd) == (None, "0")
    assert row.metadata == {
        "cache_hit": True, "meter": "llm", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "at"),
    [
        ("2025-05-01T12:00:00Z", datetime(2025, 5, 1, 12, tzinfo=UTC)),
        ("2025-05-01T14:00:00+02:00", datetime(2025, 5, 1, 12, tzinfo=UTC)),
        ("2025-05-01 12:00:00", datetime(2025, 5, 1, 12, tzinfo=UTC)),
        ("2025-05-01 12:00:00 UTC", datetime(2025, 5, 1, 12, tzinfo=UTC)),
        ("2025-05-01 12:00:00 +0000", datetime(2025, 5, 1, 12, tzinfo=UTC)),
        ("2025/05/01 12:00", datetime(2025, 5, 1, 12, tzinfo=UTC)),
        ("2025-05-01", datetime(2025, 5, 1, tzinfo=UTC)),
        ("1746100800", datetime(2025, 5, 1, 12, tzinfo=UTC)),
        ("1746100800.0", datetime(2025, 5, 1, 12, tzinfo=UTC)),
        ("1746100800500", datetime(2025, 5, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("1746100800500000", datetime(2025, 5, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("1746100800500000000", datetime(2025, 5, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_people_and_programs_write_them(cell: str, at: datetime) -> None:
    (row,) = read_usage(f"{HEADER},startTime\na,o3,1,2,{cell}\n".encode())
    assert row.occurred_at == at


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("5/1/2025 12:00", "with slashes, day and month are ambiguous"),
        ("01.05.2025", "with slashes, day and month are ambiguous"),
        ("noon", "must be a time such as"),
        ("45778.5", "must be a time such as"),
        ("1.7461E+09", "must be a time such as"),
    ],
)
def test_a_time_that_could_be_another_is_refused(cell: str, message: str) -> None:
    assert message in faults(f"{HEADER},startTime\na,o3,1,2,{cell}\n")


@pytest.mark.parametrize(
    "actor",
    ["auth0|5f7c", "google-oauth2|123", "alice+test@example.com", "dGVzdA==", "arn:aws:sts::1:assumed-role/chat/alice"],
)
def test_ids_of_issuers_are_payers_as_they_are(actor: str) -> None:
    assert read_usage(f"{HEADER}\n{actor},gpt-4o,1,2\n".encode())[0].actor == actor


def test_a_number_in_json_is_an_id_too() -> None:
    (row,) = read_usage(b'{"user": 42, "model": "o3", "input_tokens": 1, "output_tokens": 2}')
    assert row.actor == "42"


@pytest.mark.parametrize("actor", ["42.0", "1.23E+15"])
def test_an_id_that_a_spreadsheet_has_rewritten_is_refused(actor: str) -> None:
    assert "this looks like a number that a spreadsheet has rewritten" in faults(f"{HEADER}\n{actor},gpt-4o,1,2\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"\x1f\x8bnot so", "the file begins like gzip and cannot be unpacked"),
        (b"user,input_tokens\na,1\n", "no column of output tokens among 'user', 'input_tokens'; name it with --output"),
        (b"user,user,input_tokens,output_tokens\na,b,1,2\n", "duplicate column in the header: user"),
        (b"user,input_tokens,output_tokens\na,1\n", "row 1 has a different number of cells than the header"),
        (b"user,input_tokens,output_tokens\na,1,2\nb,1,2,3\n", "row 2 has a different number of cells than the header"),
        (b'user,input_tokens,output_tokens\na,"1,2\n', "is not CSV"),
        (b"user,input_tokens,output_tokens\na,1.5,2\n", "row 1: input_tokens is '1.5' and must be a whole number"),
        (b"user,input_tokens,output_tokens\na,1,-2\n", "row 1: output_tokens is '-2' and must be a whole number"),
        (
            b'user,input_tokens,output_tokens\na,1,"2,000"\n',
            "row 1: output_tokens is '2,000' and must be a whole number",
        ),
        (b"user,input_tokens,output_tokens\na,1,5.9E+04\n", "row 1: output_tokens is '5.9E+04' and must be a whole"),
        (b"user;input_tokens;output_tokens\na;1.000;2\n", "row 1: input_tokens is '1.000' and must be a whole number"),
        (b"[]", "the file has no rows"),
        (b'{"data": []}', "the file has no rows"),
        (b"PK\x03\x04\x14\x00\x06\x00", "is a zip archive or an Excel workbook; unpack it, or save its sheet as CSV"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "JSON that is nested too deeply"),
        ("user,input_tokens,output_tokens\na,1,\u0662\n".encode(), "output_tokens is '\u0662' and must be a whole"),
        (b"user,input_tokens,output_tokens\na#b,1,2\n", "row 1: user is 'a#b' and must be 1 to 128 printable"),
        (b"user,input_tokens,output_tokens\na b,1,2\n", "row 1: user is 'a b' and must be 1 to 128 printable"),
        (b"user,user_id,input_tokens,output_tokens\na,b,1,2\n", "row 1: user is 'a' and must be the same as user_id"),
        (b'{"input_tokens": 1, "output_tokens": true}', "row 1: output_tokens is True and must be a whole number"),
        (b'{"input_tokens": 1, "output_tokens": 2}\n{"input_tokens": 1}', "row 2: output_tokens is None and must be"),
        (
            b"user,input_tokens,output_tokens\na,,2\n",
            "row 1: input_tokens is None and must be a whole number of tokens; wri",
        ),
        (b'{"input_tokens": 1, "output_tokens": 2}\n[1]', "row 2 is not a JSON object"),
        (b'{"input_tokens": 1,', "row 1 is not a JSON object"),
        (b"user,model,input_tokens,output_tokens\na,o3,,\n", "row 1 says nothing of what was used"),
        (
            b"user,input_tokens,output_tokens,total_tokens\na,1,2,9\n",
            "total_tokens is 9 and must be the sum of input",
        ),
        (
            b"user,input_tokens,output_tokens,service_tier\na,1,2,scale\n",
            "row 1: service_tier is 'scale' and must be one",
        ),
        (
            b"user,input_tokens,output_tokens,batch,service_tier\na,1,2,TRUE,flex\n",
            "the service tier is batch and flex",
        ),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_its_place(content: bytes, message: str) -> None:
    assert message in faults(content, FOR_TOKENS)


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    message = faults(AZURE, Reading(columns=Columns(actor="user")))
    assert message == "no column 'user'; the columns are 'TIMESTAMP', 'ContextTokens', 'GeneratedTokens'"


@pytest.mark.parametrize("default", ["a b", "", "x" * 129, "a#"])
def test_a_default_actor_that_no_account_can_have_is_refused(default: str) -> None:
    assert "the default actor" in faults(CSV, Reading(default_actor=default))


def test_what_was_recognised_is_told_by_role_with_what_stands_in_for_a_column() -> None:
    content = f"{HEADER},cached_tokens,note\n,gpt-4o,10,2,5,hello\nb,gpt-4o,10,2,5,hello\n".encode()
    told = {name: value for name, value in load_usage(content, FOR_TOKENS).recognised.facts().items() if value}
    assert told == {
        "format": "CSV, separator ,, UTF-8",
        "preset": "common names",
        "actor": "user, else user:payer",
        "model": "model, else gpt-4o",
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        "cache_read_tokens": "cached_tokens",
        "key": "the content of the row",
        "ignored columns": "note",
        "rows of usage": 2,
    }


INVALID = f"{HEADER},at\na,gpt-4o,10,2,x\nb,gpt-4o,1.5,2,x\nc,gpt-4o,1\nd,gpt-4o,7,2,x\n".encode()


def test_invalid_rows_can_be_skipped_and_are_reported_with_their_reasons() -> None:
    read = load_usage(INVALID, Reading(skip_invalid=True))
    assert [row.actor for row in read.rows] == ["a", "d"]
    assert [(each.row, each.reason) for each in read.skipped] == [
        (
            2,
            f"row 2: input_tokens is '1.5' and must be a whole number of tokens below {10**12}, in digits alone",
        ),
        (3, "row 3 has a different number of cells than the header"),
    ]
    assert read.content(2)["user"] == "b"


def test_a_report_can_be_read_again_and_a_corrected_row_has_the_key_that_it_would_have_had() -> None:
    told = report(load_usage(INVALID, Reading(skip_invalid=True)).skipped)
    assert [line["skipped_because"][:5] for line in map(json.loads, told.splitlines())] == ["row 2", "row 3"]
    assert [each.row for each in load_usage(told, Reading(skip_invalid=True)).skipped] == [1, 2]
    corrected = load_usage(told.replace(b"1.5", b"15"), Reading(skip_invalid=True)).rows
    as_it_should_be = read_usage(INVALID.replace(b"1.5", b"15").replace(b"c,gpt-4o,1\n", b""))
    assert [row.key for row in corrected] == [as_it_should_be[1].key]


def test_a_line_of_json_that_cannot_be_read_is_reported_as_it_is() -> None:
    lines = b'{"user":"a","model":"o3","input_tokens":1,"output_tokens":2}\n{"user":\n'
    read = load_usage(lines, Reading(skip_invalid=True))
    assert (len(read.rows), read.skipped[0].content) == (1, {"unreadable_line": '{"user":'})


def test_sums_of_many_requests_can_be_refused() -> None:
    content = f"{HEADER},num_requests\na,gpt-4o,10,2,1\na,gpt-4o,10,2,40\n"
    assert faults(content, Reading(sums="refuse")) == "row 2 is the sum of 40 requests, and sums are to be refused"


def test_a_preset_can_be_named_and_must_exist() -> None:
    assert load_usage(CSV, Reading(preset="Common Names")).recognised.preset == "common names"
    assert "there is no preset 'x'; the presets are 'Claude Code', 'OpenAI usage export'" in faults(
        CSV, Reading(preset="x")
    )


def test_actors_are_drawn_the_same_for_the_same_seed_and_few_make_most_of_the_traffic() -> None:
    drawn = list(islice(zipf_actors(200, seed=7), 5000))
    assert drawn == list(islice(zipf_actors(200, seed=7), 5000))
    assert drawn != list(islice(zipf_actors(200, seed=8), 5000))
    counts = Counter(drawn)
    # The first of 200 has a share of 1 / (1 + 1/2 + ... + 1/200) = 0.170.
    assert 750 < counts["user:0001"] < 950
    assert counts["user:0001"] > counts["user:0010"] > counts["user:0100"]


def test_invented_actors_follow_from_the_event_in_the_same_proportions() -> None:
    counts = Counter(map(ZipfActors(200, seed=7).of, map(str, range(5000))))
    assert 750 < counts["user:0001"] < 950
    assert counts["user:0001"] > counts["user:0010"] > counts["user:0100"]


def test_one_actor_gets_everything() -> None:
    assert set(islice(zipf_actors(1), 10)) == {"user:0001"}
