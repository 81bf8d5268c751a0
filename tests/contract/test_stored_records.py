"""How records are stored, and that what is stored can be read for ever."""

import base64
import hashlib
import json
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.wire_units import size_bytes
from millicent import verify_proof
from shared.adapters.items import AuditItem, EntryItem
from shared.adapters.stored_records import DICTIONARIES, NEWEST, stored, text_of
from shared.ledger.entries import Entry
from shared.ledger.operations import CaptureHold, Charge, GrantCredits, PlaceHold
from shared.ledger.records import record_of
from tests.builders import history

ROOT = Path(__file__).parents[2]
GOLDEN = sorted((ROOT / "events" / "bus").glob("*.json"))
FINGERPRINTS = {1: "929b70be436628be2b14ad86a4aa78d5e291d7debf83ebccf3d3f5e2b05a6fab"}
"""SHA-256 of each dictionary. A test that fails here has found a change that makes rows unreadable: undo it."""


def entries() -> list[Entry]:
    return history(GrantCredits(10_000), Charge(30), PlaceHold(50, 60_000), CaptureHold("h3", 20))[1]


@given(st.text(st.characters(codec="utf-8"), max_size=3000))
def test_every_text_comes_back_as_it_was(text: str) -> None:
    assert text_of(stored(text)) == text


def test_a_row_of_an_older_release_has_the_text_itself() -> None:
    assert text_of('{"schema":1}') == '{"schema":1}'
    entry = entries()[1]
    item = EntryItem.of(entry).serialize() | {"record": {"S": record_of(entry)}}
    assert EntryItem.from_raw_data(item).entry == entry


def test_a_row_of_an_older_release_is_never_written_again() -> None:
    item = EntryItem.from_raw_data(EntryItem.of(entries()[0]).serialize() | {"record": {"S": "{}"}})
    with pytest.raises(TypeError, match="older release"):
        item.serialize()


def test_a_dictionary_never_changes() -> None:
    assert {number: hashlib.sha256(each).hexdigest() for number, each in DICTIONARIES.items()} == FINGERPRINTS
    assert max(FINGERPRINTS) == NEWEST


def test_every_dictionary_is_a_file_for_readers_without_this_code_and_is_in_the_verifier() -> None:
    files = {int(each.stem): each.read_bytes() for each in (ROOT / "docs" / "record-dictionaries").glob("*.txt")}
    assert files == dict(DICTIONARIES) == dict(verify_proof.DICTIONARIES)


def test_a_stored_record_is_read_with_the_standard_library_as_the_documentation_says() -> None:
    page = (ROOT / "docs" / "tamper-evidence.md").read_text()
    program = page.split("```python\n")[1].split("```")[0]
    entry = entries()[1]
    names = {"item": {"record": {"B": base64.b64encode(stored(record_of(entry))).decode()}}, "__name__": "x"}
    lines = program.replace('"docs/', f'"{ROOT}/docs/')
    assert len(lines.strip().splitlines()) <= 5
    exec(lines, names)  # noqa: S102 - our own page
    assert names["text"] == record_of(entry)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\x00",
        bytes([max(DICTIONARIES) + 1]) + stored("x" * 100)[1:],
        b"\x01",
        b"\x01garbage",
        stored("x" * 100)[:-3],
        stored("x" * 100) + b"more",
        b"\x01" + zlib.compress(b"another format"),
    ],
)
def test_what_cannot_be_read_is_an_error_and_not_another_text(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="record"):
        text_of(damaged)


def test_no_row_makes_its_reader_unpack_without_end() -> None:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=DICTIONARIES[NEWEST])
    bomb = bytes([NEWEST]) + deflater.compress(b"x" * 10**8) + deflater.flush()
    assert len(bomb) < 400_000
    with pytest.raises(ValueError, match="record"):
        text_of(bomb)


@pytest.mark.parametrize("record", [None, 7])
def test_what_is_neither_bytes_nor_text_is_no_record(record: object) -> None:
    with pytest.raises(TypeError):
        text_of(record)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_record_of_every_kind_takes_at_most_a_third_of_its_text(path: Path) -> None:
    text = json.loads(path.read_text())["detail"].get("data", {}).get("record")
    if text is None:
        pytest.skip("an event without an entry")
    assert len(stored(text)) <= len(text) * 0.36


def test_a_row_of_a_usual_entry_stays_far_below_a_kibibyte_in_both_tables() -> None:
    for entry in entries():
        assert size_bytes(EntryItem.of(entry).serialize()) <= 600
        assert size_bytes(AuditItem.of(entry, "0" * 36).serialize()) <= 600
