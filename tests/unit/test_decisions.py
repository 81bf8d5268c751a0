"""The index of the decisions, docs/adr/README.md, against their pages."""

import re
from pathlib import Path

PAGES = Path(__file__).parents[2] / "docs/adr"


def test_the_index_has_each_decision_once_in_their_order() -> None:
    links = re.findall(r"^\| \[(\d{4})\]\((\S+)\)", (PAGES / "README.md").read_text(), re.MULTILINE)
    pages = sorted(page.name for page in PAGES.glob("[0-9]*.md"))
    assert links == [(name[:4], name) for name in pages]
    assert [(PAGES / name).read_text().partition(".")[0] for name in pages] == [f"# {int(name[:4])}" for name in pages]
