"""`millicent show` prints what the console of AWS cannot."""

import base64
import json

import pytest
from click.testing import CliRunner, Result

from millicent.cli import main
from shared.adapters.items import AuditItem, EntryItem
from shared.ledger.operations import Charge, GrantCredits
from shared.ledger.records import record_of
from tests.builders import history

ENTRY = history(GrantCredits(100), Charge(30))[1][1]


def as_aws_shows_it(item: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    return {
        name: {kind: base64.b64encode(value).decode() if isinstance(value, bytes) else value}
        for name, each in item.items()
        for kind, value in each.items()
    }


ROW = as_aws_shows_it(EntryItem.of(ENTRY).serialize())


def show(text: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["show", *options], input=text)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROW),
        json.dumps({"Item": ROW}, indent=4),
        json.dumps(as_aws_shows_it(AuditItem.of(ENTRY, "e").serialize())),
        json.dumps(ROW | {"record": {"S": record_of(ENTRY)}}),
    ],
    ids=["an item", "of get-item", "of the audit table", "of an older release"],
)
def test_a_row_is_shown_with_its_record_and_whether_it_is_as_its_hash_says(text: str) -> None:
    shown = show(text)
    assert shown.exit_code == 0
    assert '"amount": -30,' in shown.output
    assert f"hash {ENTRY.hash}, as in the row" in shown.output
    assert json.loads(show(text, "--json").output) == {
        "record": record_of(ENTRY),
        "hash": ENTRY.hash,
        "is_as_hashed": True,
    }


def test_the_bytes_alone_are_enough() -> None:
    shown = show(f"{ROW['record']['B']}\n")
    assert (shown.exit_code, f"hash {ENTRY.hash}\n" in shown.output) == (0, True)


def test_a_row_with_another_hash_is_shown_and_exits_with_1() -> None:
    shown = show(json.dumps(ROW | {"hash": {"S": "0" * 64}}))
    assert shown.exit_code == 1
    assert '"amount": -30,' in shown.output
    assert "it was altered" in shown.output


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", "no row", '{"record": {"B": "AXg="}}', '{"record": {"S": "x"}}'])
def test_what_is_no_row_is_refused_with_a_sentence(text: str) -> None:
    shown = show(text)
    assert shown.exit_code == 2
    assert "this is no row of an entry" in shown.output
