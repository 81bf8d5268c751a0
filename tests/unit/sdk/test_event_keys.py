"""Keys belong to events: neither the place of a row nor how its file is written changes them."""

import csv
import io
import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millicent.replay import BadUsage, Columns, Reading, Usage, read_usage

SAMPLES = Path(__file__).parent / "samples"
HEADER = ("timestamp", "user", "model", "input_tokens", "output_tokens", "cached_tokens", "batch")
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
COST = frozenset({"cost"})
PAYERS = Reading(actors=50, model="gpt-4o")

Cells = tuple[str, ...]

rows_of_usage = st.lists(
    st.tuples(
        st.integers(0, 86_400_000 * 364).map(lambda ms: (YEAR + timedelta(milliseconds=ms)).isoformat()),
        st.sampled_from(["user:alice", "auth0|5f7c", "alice+test@example.com", "42"]),
        st.sampled_from(["gpt-4o", "claude-sonnet-4-5", "ft:gpt-4o:org::id"]),
        st.integers(0, 3).map(str),
        st.integers(0, 10**6).map(str),
        st.sampled_from(["0", "", "1"]),
        st.sampled_from(["TRUE", "False", ""]),
    ),
    min_size=1,
    max_size=8,
)


def as_csv(
    header: Sequence[str],
    rows: Sequence[Cells],
    separator: str = ",",
    quoting: int = csv.QUOTE_MINIMAL,
    end: str = "\n",
) -> str:
    text = io.StringIO()
    # Of the constants of csv, the types know numbers alone.
    writer: Any = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerows([header, *rows])
    return text.getvalue()


def as_json(header: Sequence[str], rows: Sequence[Cells]) -> list[dict[str, object]]:
    """With the types that JSON has: numbers, booleans, null."""

    def typed(cell: str) -> object:
        if cell in {"TRUE", "False"}:
            return cell == "TRUE"
        return (int(cell) if cell.isdecimal() else cell) if cell else None

    return [{name: typed(cell) for name, cell in zip(header, row, strict=True)} for row in rows]


def as_spreadsheet(header: Sequence[str], rows: Sequence[Cells]) -> list[Cells]:
    """As a spreadsheet writes numbers again: with a decimal point; but for the ids."""

    def rewritten(name: str, cell: str) -> str:
        return f"{cell}.0" if cell.isdecimal() and name != "user" else cell

    return [tuple(rewritten(name, cell) for name, cell in zip(header, row, strict=True)) for row in rows]


SERIALISATIONS: dict[str, Callable[[Sequence[str], Sequence[Cells]], bytes]] = {
    "semicolons": lambda header, rows: as_csv(header, rows, ";").encode(),
    "tabs": lambda header, rows: as_csv(header, rows, "\t").encode(),
    "bars": lambda header, rows: as_csv(header, rows, "|").encode(),
    "a line that names the separator": lambda header, rows: (
        b"sep=;\r\n" + as_csv(header, rows, ";", end="\r\n").encode()
    ),
    "quotes": lambda header, rows: as_csv(header, rows, quoting=csv.QUOTE_ALL, end="\r\n").encode(),
    "UTF-16": lambda header, rows: as_csv(header, rows, "\t").encode("utf-16"),
    "UTF-16 without a mark": lambda header, rows: as_csv(header, rows).encode("utf-16-le"),
    "a byte order mark": lambda header, rows: as_csv(header, rows).encode("utf-8-sig"),
    "decimal points": lambda header, rows: as_csv(header, as_spreadsheet(header, rows)).encode(),
    "JSON lines": lambda header, rows: b"".join(json.dumps(row).encode() + b"\n" for row in as_json(header, rows)),
    "a JSON array": lambda header, rows: json.dumps(as_json(header, rows)).encode(),
    "a JSON document": lambda header, rows: json.dumps({"data": as_json(header, rows)}, indent=2).encode(),
}


@settings(deadline=None, max_examples=15)
@given(rows=rows_of_usage, order=st.permutations(range(len(HEADER))))
@pytest.mark.parametrize("how", SERIALISATIONS)
def test_a_table_gives_the_same_rows_however_it_is_written_and_in_whichever_order_of_columns(
    how: str, rows: list[Cells], order: list[int]
) -> None:
    moved = [tuple(row[place] for place in order) for row in rows]
    written = SERIALISATIONS[how]([HEADER[place] for place in order], moved)
    assert read_usage(written) == read_usage(as_csv(HEADER, rows).encode())


@settings(deadline=None, max_examples=15)
@given(rows=rows_of_usage, seed=st.integers())
def test_the_order_of_rows_changes_neither_a_key_nor_a_payer(rows: list[Cells], seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    without = [row[:1] + row[2:] for row in rows], [row[:1] + row[2:] for row in shuffled]
    header = HEADER[:1] + HEADER[2:]
    first, second = (read_usage(as_csv(header, each).encode(), PAYERS) for each in without)
    assert sorted(map(event, first)) == sorted(map(event, second))
    assert len({row.key for row in first}) == len(rows)


def event(usage: Usage) -> tuple[str, str, str]:
    return usage.key, usage.actor, json.dumps(usage.usage)


def a_month() -> list[Cells]:
    """30 days of 8 requests. Every day has some that nothing tells apart."""
    chance = random.Random(12)
    return [
        (f"2026-11-{day:02d}T{chance.randrange(24):02d}:00:00Z", f"user:{chance.randrange(3)}", "gpt-4o",
         str(chance.randrange(3)), "5", "0", "")
        for day in range(1, 31)
        for _ in range(8)
    ]  # fmt: skip


@pytest.mark.parametrize("newest_first", [False, True], ids=["appended", "newest first"])
@pytest.mark.parametrize("reading", [Reading(), PAYERS], ids=["with users", "with invented users"])
def test_a_file_that_grows_for_30_days_has_the_events_of_the_whole_month(reading: Reading, newest_first: bool) -> None:
    month = a_month()
    seen: dict[str, tuple[str, str, str]] = {}
    for day in range(1, 31):
        until = month[: day * 8]
        rows = read_usage(as_csv(HEADER, until[::-1] if newest_first else until).encode(), reading)
        # What was there the day before is there again, under the same key.
        assert {row.key for row in rows} >= set(seen)
        for row in rows:
            assert seen.setdefault(row.key, event(row)) == event(row)
    assert (
        list(seen.values()) == [event(row) for row in read_usage(as_csv(HEADER, month).encode(), reading)]
        or newest_first
    )
    assert len(seen) == len(month) == 240


@pytest.mark.parametrize("sample", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_every_sample_of_known_kinds_has_keys_that_nothing_but_the_event_decides(sample: Path) -> None:
    reading = Reading(default_actor="user:payer", model="gpt-4o")
    rows = read_usage(sample.read_bytes(), reading)
    assert len({row.key for row in rows}) == len(rows)
    lines = sample.read_text().splitlines(keepends=True)
    if sample.suffix == ".csv":
        reversed_lines = "".join([lines[0], *reversed(lines[1:])])
        assert sorted(map(event, read_usage(reversed_lines.encode(), reading))) == sorted(map(event, rows))


def test_the_same_row_with_its_file_saved_again_is_the_same_event() -> None:
    once = read_usage(b"user,model,input_tokens,output_tokens\nuser:alice,gpt-4o,10,2\n")
    again = read_usage(
        b'sep=;\r\nmodel;output_tokens;user;input_tokens\r\n"gpt-4o";2.0;user:alice;10.0\r\ngpt-4o;4;user:bob;30\r\n'
    )
    assert again[0] == once[0]


def test_identical_requests_are_different_events() -> None:
    content = b"user,model,input_tokens,output_tokens\n" + b"a,gpt-4o,10,2\n" * 3
    first, second, third = (row.key for row in read_usage(content))
    assert [key[-2:] for key in (first, second, third)] == ["-1", "-2", "-3"]
    assert first[:-2] == second[:-2] == third[:-2]


@pytest.mark.parametrize(
    "other",
    [b"b,gpt-4o,10,2,0", b"a,o3,10,2,0", b"a,gpt-4o,11,2,0", b"a,gpt-4o,10,3,0", b"a,gpt-4o,10,2,1"],
    ids=["actor", "model", "input", "output", "cached"],
)
def test_another_event_has_another_key(other: bytes) -> None:
    header = b"user,model,input_tokens,output_tokens,cached_tokens\n"
    one, two = (read_usage(header + row)[0].key for row in (b"a,gpt-4o,10,2,0", other))
    assert one != two


def test_neither_the_order_of_members_nor_one_of_nothing_changes_the_key_of_a_report() -> None:
    reports = (
        b'{"input_tokens": 5, "output_tokens": 3, "cache_read_input_tokens": 9}',
        b"""{"cache_read_input_tokens": 9, "output_tokens": 3, "server_tool_use": {"web_search_requests": 0},
             "service_tier": null, "input_tokens": 5.0}""",
    )
    lines = (b'{"user": "a", "model": "claude-sonnet-4-5", "usage": ' + report + b"}" for report in reports)
    assert len({read_usage(line)[0].key for line in lines}) == 1


def test_a_column_of_zeros_that_comes_new_changes_no_key() -> None:
    once = read_usage(b"user,model,input_tokens,output_tokens\na,gpt-4o,10,2\n")
    again = read_usage(b"user,model,input_tokens,output_tokens,cached_tokens\na,gpt-4o,10,2,0\n")
    assert again == once


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            Reading(model="gpt-4o", default_actor="a", ignored_columns=COST),
            Reading(model="o3", default_actor="b", ignored_columns=COST),
        ),
        (
            Reading(model="gpt-4o", actors=5, ignored_columns=COST),
            Reading(model="gpt-4o", default_actor="a", ignored_columns=COST),
        ),
        (
            Reading(model="gpt-4o", default_actor="a", ignored_columns=COST),
            Reading(model="gpt-4o", default_actor="a", columns=Columns(cost="cost")),
        ),
    ],
    ids=["the model and the payer", "invented payers", "the cost"],
)
def test_options_change_no_key_so_that_an_event_is_not_charged_again_under_another_option(
    one: Reading, other: Reading
) -> None:
    content = b"input_tokens,output_tokens,cost\n10,2,0.5\n"
    assert read_usage(content, one)[0].key == read_usage(content, other)[0].key


def test_a_run_id_is_put_before_the_keys_to_charge_again_on_purpose_and_the_payers_stay() -> None:
    content = b"input_tokens,output_tokens\n10,2\n"
    (plain,), (again,) = (
        read_usage(content, PAYERS),
        read_usage(content, Reading(actors=50, model="gpt-4o", run_id="january")),
    )
    assert again.key == f"january-{plain.key}"
    assert again.actor == plain.actor


@pytest.mark.parametrize("run_id", ["a b", "x" * 91, "a#", "\u0661"])
def test_a_run_id_that_could_be_in_no_key_is_refused(run_id: str) -> None:
    with pytest.raises(BadUsage, match="the run id"):
        read_usage(b"user,model,input_tokens,output_tokens\na,gpt-4o,10,2\n", Reading(run_id=run_id))


def test_a_limit_changes_neither_the_keys_nor_the_payers_of_the_rows_before_it() -> None:
    content = as_csv(HEADER, a_month()).encode()
    assert read_usage(content, Reading(limit=7)) == read_usage(content)[:7]


def test_a_key_of_ones_own_is_kept_whatever_the_run() -> None:
    content = b"idempotency_key,user,model,input_tokens,output_tokens\nmy|key-1,a,gpt-4o,10,2\n"
    assert read_usage(content, Reading(run_id="again"))[0].key == "my|key-1"


def test_an_id_that_no_key_can_be_is_kept_by_its_hash() -> None:
    content = (SAMPLES / "helicone.csv").read_bytes()
    odd = read_usage(content.replace(b"6f1c-1", "6f1c \u00e9".encode()))[0].key
    assert odd == read_usage(content.replace(b"6f1c-1", "6f1c \u00e9".encode()))[0].key
    assert odd != read_usage(content)[0].key
    assert len(read_usage(content.replace(b"6f1c-1", b"x" * 200))[0].key) == 24


@pytest.mark.parametrize("key", ["", "a b", "42.0", "x" * 129])
def test_a_key_of_ones_own_that_no_key_can_be_is_refused(key: str) -> None:
    with pytest.raises(BadUsage, match="row 1: ref is "):
        read_usage(
            f"ref,user,model,input_tokens,output_tokens\n{key},a,o3,1,2\n".encode(), Reading(columns=Columns(key="ref"))
        )


def test_a_repeated_key_is_refused_because_its_row_would_never_be_charged() -> None:
    content = b"user,id,model,input_tokens,output_tokens\na,1,o3,1,2\nb,1,o3,1,2\na,1,o3,5,6\n"
    with pytest.raises(BadUsage, match="row 3 repeats the key '1' of row 1 for a"):
        read_usage(content, Reading(columns=Columns(key="id")))


def test_an_id_column_is_not_taken_for_a_key_unless_told() -> None:
    content = b"user,id,model,input_tokens,output_tokens\na,1,o3,1,2\na,1,o3,5,6\n"
    assert len({row.key for row in read_usage(content)}) == 2
