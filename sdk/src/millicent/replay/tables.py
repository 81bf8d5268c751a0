"""From text to rows: CSV, JSON lines and JSON documents, by their content. Nothing is understood here yet."""

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

import msgspec

from millicent.replay.errors import BadUsage
from millicent.replay.expansion import expanded
from millicent.replay.text import Text

_SEPARATORS: Final = ",;\t|"
_SHOWN: Final[Mapping[str, str]] = {"\t": "tab"}
_LONGEST_CELL: Final = min(sys.maxsize, 2**31 - 1)
_BLANK: Final = frozenset({"", "null", "none", "nan"})
"""What programs write for a cell without a value. Nobody of this name may pay for it."""
_FIRST_LINE: Final = re.compile(r"([^\r\n]*)(\r\n|\r|\n)?")
UNREADABLE: Final = "unreadable_line"

_json = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True)
class Row:
    """One row. `cells` has the leaves: `usage.input_tokens` is the member of a member.

    `number` counts from 1. `fault` says why the row could not be read at all.
    """

    number: int
    cells: Mapping[str, Any]
    fault: str | None = None

    def get(self, name: str) -> Any:  # noqa: ANN401 - whatever the file has
        """The cell, with None for a blank one."""
        value = self.cells.get(name)
        if isinstance(value, str):
            value = value.strip()
            return None if value.casefold() in _BLANK else value
        return value

    def opened(self, names: Iterable[str]) -> "Row":
        """With the members of these cells where they are JSON in a text, as CSV has them."""
        told = {name: self.document(name) for name in names if isinstance(self.cells.get(name), str)}
        members = {f"{name}.{leaf}": value for name, of in told.items() for leaf, value in _leaves(of or {})}
        return replace(self, cells={**self.cells, **members}) if members else self

    def document(self, name: str) -> dict[str, Any] | None:
        """The object under a name: of JSON, of columns with its name and a dot before theirs, or as JSON in a cell."""
        told = self.get(name)
        if isinstance(told, str) and told.startswith("{"):
            told = _object_in(told)
        if isinstance(told, Mapping):
            return dict(told)
        prefix = f"{name}."
        leaves = {leaf.removeprefix(prefix): self.get(leaf) for leaf in self.cells if leaf.startswith(prefix)}
        return _nested({leaf: value for leaf, value in leaves.items() if value is not None}) or None


@dataclass(frozen=True)
class Table:
    """The rows of a file, and how it is written."""

    format: str
    text: Text
    separator: str | None
    rows: tuple[Row, ...]
    header: tuple[str, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns of all rows, in the order of their first appearance."""
        return tuple(dict.fromkeys((*self.header, *(name for row in self.rows for name in row.cells))))


def table_of(text: Text) -> Table:
    """Raises BadUsage if the text is none of these formats."""
    content = text.content.lstrip("\ufeff \t\r\n") if text.content.lstrip().startswith(("{", "[")) else text.content
    if not content.strip():
        raise BadUsage("the file is empty")
    if not content.startswith(("{", "[")):
        return _csv_table(text, content)
    try:
        table = _json_table(text, content)
    except RecursionError as nested:
        raise BadUsage("the file has JSON that is nested too deeply to be read") from nested
    if not table.names:
        raise BadUsage("the file has no rows")
    return table


def _json_table(text: Text, content: str) -> Table:
    try:
        whole = _json.decode(content)
    except msgspec.DecodeError:
        return Table("JSON lines", text, None, tuple(_lines(content)))
    name = "JSON array" if isinstance(whole, list) else "JSON"
    return Table(name, text, None, tuple(_numbered(expanded(whole))))


def _lines(content: str) -> Iterator[Row]:
    # Not splitlines(), which also splits at characters that JSON allows within a string.
    lines = [line for line in content.split("\n") if line.strip()]
    number = 0
    for place, line in enumerate(lines, start=1):
        try:
            whole = _json.decode(line)
        except msgspec.DecodeError as malformed:
            number += 1
            yield Row(number, {UNREADABLE: line}, f"row {place} is not a JSON object: {malformed}")
            continue
        for row in _numbered(expanded(whole), number):
            number = row.number
            yield row


def _numbered(rows: Iterable[Any], before: int = 0) -> Iterator[Row]:
    for number, row in enumerate(rows, start=before + 1):
        if isinstance(row, dict):
            yield Row(number, dict(_leaves(row)))
        else:
            yield Row(number, {UNREADABLE: str(row)}, f"row {number} is not a JSON object: it is {row!r:.40}")


def _leaves(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _nested(leaves: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in leaves.items():
        first, dot, _ = name.partition(".")
        if not dot:
            document.setdefault(first, value)
            continue
        within = {leaf.removeprefix(f"{first}."): of for leaf, of in leaves.items() if leaf.startswith(f"{first}.")}
        document[first] = _nested(within)
    return document


def _object_in(text: str) -> Any:  # noqa: ANN401 - checked by the caller
    try:
        return _json.decode(text)
    except msgspec.DecodeError:
        return text


def _csv_table(text: Text, content: str) -> Table:
    separator, body = _separator(content.lstrip("\ufeff\r\n"))
    with _long_cells():
        reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
        try:
            header = _header(next(reader, []))
            rows = tuple(_csv_rows(header, reader))
        except csv.Error as malformed:
            raise BadUsage(f"line {reader.line_num} is not CSV: {malformed}") from malformed
    return Table("CSV", text, _SHOWN.get(separator, separator), rows, tuple(header))


def _separator(content: str) -> tuple[str, str]:
    """The separator and the text after a line that names it, as spreadsheets write it."""
    line = _FIRST_LINE.match(content)
    first = line[1] if line else ""
    told = first.strip(' "')
    if told.casefold().startswith("sep=") and len(told) == len("sep=") + 1:
        return told[-1], content[line.end() :] if line else ""
    try:
        # The header alone: cells may contain anything.
        return csv.Sniffer().sniff(first, delimiters=_SEPARATORS).delimiter, content
    except csv.Error:
        return ",", content


def _header(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise BadUsage(f"duplicate column in the header: {', '.join(sorted(repeated))}")
    return names


def _csv_rows(header: list[str], reader: Iterator[list[str]]) -> Iterator[Row]:
    number = 0
    for cells in reader:
        if not cells:
            continue
        number += 1
        surplus = cells[len(header) :]
        if len(cells) < len(header) or any(cell.strip() for cell in surplus):
            fault = f"row {number} has a different number of cells than the header"
            yield Row(number, dict(zip(header, cells, strict=False)), fault)
            continue
        yield Row(number, dict(zip(header, cells, strict=False)))


@contextmanager
def _long_cells() -> Iterator[None]:
    """Without the limit on a cell: a prompt may be long."""
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)
