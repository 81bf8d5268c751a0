"""What the demo says became of a row, by what the ledger recorded under its key and that of its hold."""

import pytest

from local.row_counts import RowCounts, row_counts
from millicent.replay import HOLD_SUFFIX, Usage

ROW = Usage(key="k", actor="user:a", usage={"meter": "llm", "model": "gpt-4o"}, row=1)
HOLD = ("user:a", f"k{HOLD_SUFFIX}")
CAPTURE = ("user:a", "k")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, RowCounts(0, 0, 0, 1, 0, 0)),
        ({}, {HOLD: "refused"}, RowCounts(0, 1, 0, 0, 0, 0)),
        ({}, {HOLD: "applied"}, RowCounts(0, 0, 0, 1, 1, 0)),
        ({}, {HOLD: "applied", CAPTURE: "applied"}, RowCounts(1, 0, 0, 0, 1, 1)),
        ({}, {HOLD: "applied", CAPTURE: "refused"}, RowCounts(0, 1, 0, 0, 1, 0)),
        ({HOLD: "applied"}, {HOLD: "applied", CAPTURE: "applied"}, RowCounts(1, 0, 0, 0, 0, 1)),
        ({HOLD: "refused"}, {HOLD: "refused"}, RowCounts(0, 0, 1, 0, 0, 0)),
        ({HOLD: "applied", CAPTURE: "applied"}, {HOLD: "applied", CAPTURE: "applied"}, RowCounts(0, 0, 1, 0, 0, 0)),
        ({}, {CAPTURE: "applied"}, RowCounts(1, 0, 0, 0, 0, 1)),
    ],
    ids=[
        "nothing", "hold refused", "cut off", "captured", "capture refused", "gone on with", "refused before",
        "captured before", "charged alone",
    ],
)  # fmt: skip
def test_the_result_of_a_row_follows_from_the_record(
    before: dict[tuple[str, str], str], after: dict[tuple[str, str], str], expected: RowCounts
) -> None:
    assert row_counts([ROW], before, after) == expected
