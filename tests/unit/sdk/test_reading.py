"""Usage files: what is read from them, and what is refused before anything is charged."""

from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import pytest

from millicent.replay import BadUsage, Columns, Reading, Usage, actor_names, read_usage, zipf_actors

AZURE = b"""TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
"""
CSV = b"user,model,prompt_tokens,completion_tokens\nuser:alice,gpt-4o,10,2\nuser:bob,gpt-4o-mini,30,4\n"


def faults(content: bytes, reading: Reading | None = None) -> str:
    with pytest.raises(BadUsage) as refusal:
        read_usage(content, reading)
    return str(refusal.value)


def test_a_csv_with_common_names_needs_no_options() -> None:
    rows = read_usage(CSV)
    assert [(row.actor, row.model, row.input_tokens, row.output_tokens) for row in rows] == [
        ("user:alice", "gpt-4o", 10, 2),
        ("user:bob", "gpt-4o-mini", 30, 4),
    ]


def test_json_lines_are_read_like_a_csv() -> None:
    lines = b'{"user": "user:alice", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2, "extra": [1]}\n\n'
    lines += '{"user": "user:bob", "model": "a\u2028b", "input_tokens": "30", "output_tokens": 4}'.encode()
    assert [(row.actor, row.model, row.input_tokens) for row in read_usage(lines)] == [
        ("user:alice", "gpt-4o", 10),
        ("user:bob", "a\u2028b", 30),
    ]


def test_the_azure_trace_is_recognised_with_its_time_and_given_actors() -> None:
    first, second = read_usage(AZURE)
    assert first.at == datetime(2023, 11, 16, 18, 15, 46, 680590, tzinfo=UTC)
    assert (first.input_tokens, first.output_tokens, first.model) == (374, 44, "gpt-4o")
    assert {first.actor, second.actor} <= set(actor_names(200))


def test_a_spreadsheets_byte_order_mark_and_line_ends_do_no_harm() -> None:
    content = b"\xef\xbb\xbf" + CSV.replace(b"\n", b"\r\n")
    assert read_usage(content, Reading(columns=Columns(actor="user")))[1].actor == "user:bob"


def test_columns_can_be_named() -> None:
    content = b"who,what,in,out,ref,when\nuser:alice,gpt-4o,10,2,ref-1,2026-01-31T12:00:00+01:00\n"
    columns = Columns("who", "what", "in", "out", "ref", "when")
    (row,) = read_usage(content, Reading(columns=columns))
    assert row == Usage("ref-1", "user:alice", "gpt-4o", 10, 2, row.at)
    assert row.at == datetime(2026, 1, 31, 11, tzinfo=UTC)


def test_keys_follow_from_the_content_and_the_row() -> None:
    again, other = read_usage(AZURE), read_usage(AZURE.replace(b"109", b"110"))
    assert [row.key for row in read_usage(AZURE)] == [row.key for row in again]
    assert not {row.key for row in again} & {row.key for row in other}
    assert again[1].key.endswith("-2")


def test_a_run_id_makes_new_keys_for_the_same_content() -> None:
    assert [row.key for row in read_usage(AZURE, Reading(run_id="january"))] == ["january-1", "january-2"]


def test_a_limit_changes_neither_the_keys_nor_the_actors_of_the_rows_before_it() -> None:
    assert read_usage(AZURE, Reading(limit=1)) == read_usage(AZURE)[:1]


def test_the_model_option_is_for_files_without_a_model_column() -> None:
    assert {row.model for row in read_usage(AZURE, Reading(model="gpt-4o-mini"))} == {"gpt-4o-mini"}
    assert faults(CSV, Reading(model="gpt-4o")) == "the file names a model in its column 'model': leave --model out"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"\xff\xfe", "the file is not UTF-8 text"),
        (b"user,input_tokens\na,1\n", "no column of output tokens among 'user', 'input_tokens'; name it with --output"),
        (b"user,user,input_tokens,output_tokens\na,b,1,2\n", "duplicate column in the header: user"),
        (b"user,input_tokens,output_tokens\na,1\n", "row 1 has a different number of cells than the header"),
        (b"user,input_tokens,output_tokens\na,1,2\nb,1,2,3\n", "row 2 has a different number of cells than the header"),
        (b'user,input_tokens,output_tokens\na,"1,2\n', "is not CSV"),
        (b"user,input_tokens,output_tokens\na,1.5,2\n", "row 1: input_tokens is '1.5' and must be a whole number"),
        (b"user,input_tokens,output_tokens\na,1,-2\n", "row 1: output_tokens is '-2' and must be a whole number"),
        ("user,input_tokens,output_tokens\na,1,\u0662\n".encode(), "output_tokens is '\u0662' and must be a whole"),
        (b"user,input_tokens,output_tokens\na#b,1,2\n", "row 1: user is 'a#b' and must be 1 to 128 of the characters"),
        (b"user,input_tokens,output_tokens\n,1,2\n", "row 1: user is '' and must be 1 to 128 of the characters"),
        (b"model,input_tokens,output_tokens\n,1,2\n", "row 1: model is '' and must be text"),
        (b"time,input_tokens,output_tokens\nnoon,1,2\n", "row 1: time is 'noon' and must be a time such as"),
        (b'{"input_tokens": 1, "output_tokens": true}', "row 1: output_tokens is True and must be a whole number"),
        (b'{"input_tokens": 1, "output_tokens": 2}\n{"input_tokens": 1}', "row 2: output_tokens is None and must be"),
        (b'{"input_tokens": 1, "output_tokens": 2}\n[1]', "row 2 is not a JSON object"),
        (b'{"input_tokens": 1,', "row 1 is not a JSON object"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_its_place(content: bytes, message: str) -> None:
    assert message in faults(content)


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    message = faults(AZURE, Reading(columns=Columns(actor="user")))
    assert message == "no column 'user'; the columns are 'TIMESTAMP', 'ContextTokens', 'GeneratedTokens'"


def test_a_repeated_key_is_refused_because_its_row_would_never_be_charged() -> None:
    content = b"user,id,input_tokens,output_tokens\na,1,1,2\nb,1,1,2\na,1,5,6\n"
    message = faults(content, Reading(columns=Columns(key="id")))
    assert message == "row 3 repeats the key '1' of row 1 for a"


def test_an_id_column_is_not_taken_for_a_key_unless_told() -> None:
    content = b"user,id,input_tokens,output_tokens\na,1,1,2\na,1,5,6\n"
    assert len({row.key for row in read_usage(content)}) == 2


@pytest.mark.parametrize("run_id", ["a b", "x" * 101, "a#", "\u0661"])
def test_a_run_id_that_could_be_in_no_key_is_refused(run_id: str) -> None:
    assert "the run id" in faults(AZURE, Reading(run_id=run_id))


def test_actors_are_drawn_the_same_for_the_same_seed_and_few_make_most_of_the_traffic() -> None:
    drawn = list(islice(zipf_actors(200, seed=7), 5000))
    assert drawn == list(islice(zipf_actors(200, seed=7), 5000))
    assert drawn != list(islice(zipf_actors(200, seed=8), 5000))
    counts = Counter(drawn)
    # The first of 200 has a share of 1 / (1 + 1/2 + ... + 1/200) = 0.170.
    assert 750 < counts["user:0001"] < 950
    assert counts["user:0001"] > counts["user:0010"] > counts["user:0100"]


def test_one_actor_gets_everything() -> None:
    assert set(islice(zipf_actors(1), 10)) == {"user:0001"}
