"""Reading usage files: CSV with a header, or JSON lines."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import msgspec

from millicent.replay.actors import DEFAULT_ACTORS, DEFAULT_SEED, zipf_actors
from millicent.replay.columns import Columns, find_columns
from millicent.replay.errors import BadUsage
from millicent.replay.usage import Usage, row_key, run_id_of

DEFAULT_MODEL: Final = "gpt-4o"

_ID_CHARACTERS: Final = "A-Z a-z 0-9 _ . : @ -"
_RUN_ID: Final = re.compile(r"[A-Za-z0-9_.:@-]{1,100}")
_ID: Final = re.compile(r"[A-Za-z0-9_.:@-]{1,128}")
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_MOST_TOKENS: Final = 10**12

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a file.

    `model` is for a file without a model column (None: gpt-4o). A file without an actor column gets `actors` actors by
    a Zipf distribution with `seed`. `run_id` names the run in the keys of its rows instead of the content's hash:
    another one charges the same file again on purpose. `limit` reads only the first rows; their keys stay the same.
    """

    columns: Columns = field(default=Columns())
    model: str | None = None
    actors: int = DEFAULT_ACTORS
    seed: int = DEFAULT_SEED
    run_id: str | None = None
    limit: int | None = None


def read_usage(content: bytes, reading: Reading | None = None) -> list[Usage]:
    """The rows of a usage file. Raises BadUsage, which names the row, before any row is returned."""
    how = reading or Reading()
    rows = _rows(content)
    columns = find_columns(_header(rows), how.columns)
    if how.model and columns.model:
        raise BadUsage(f"the file names a model in its column {columns.model!r}: leave --model out")
    parser = _RowParser(columns, how, _run_id(how, content))
    usage = [parser.parse(number, row) for number, row in enumerate(islice(rows, how.limit), start=1)]
    _refuse_repeated_keys(usage)
    return usage


def _run_id(how: Reading, content: bytes) -> str:
    if how.run_id is not None and not _RUN_ID.fullmatch(how.run_id):
        raise BadUsage(f"the run id {how.run_id!r} must be 1 to 100 of the characters {_ID_CHARACTERS}")
    return how.run_id or run_id_of(content)


class _Rows(Iterator[Row]):
    """The rows, one by one, with known column names."""

    def __init__(self, names: Iterable[str], rows: Iterable[Row]) -> None:
        self.names = tuple(names)
        self._rows = iter(rows)

    def __next__(self) -> Row:
        return next(self._rows)


def _header(rows: _Rows) -> tuple[str, ...]:
    repeated = {name for name in rows.names if rows.names.count(name) > 1}
    if repeated:
        raise BadUsage(f"duplicate column in the header: {', '.join(sorted(repeated))}")
    return rows.names


def _rows(content: bytes) -> _Rows:
    text = _text(content)
    if not text.strip():
        raise BadUsage("the file is empty")
    return _json_rows(text) if text.lstrip().startswith("{") else _csv_rows(text)


def _text(content: bytes) -> str:
    try:
        # Spreadsheets put a byte order mark before the first column's name.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as malformed:
        raise BadUsage(f"the file is not UTF-8 text: {malformed}") from malformed


def _csv_rows(text: str) -> _Rows:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return _Rows(reader.fieldnames or (), _complete_rows(reader))


def _complete_rows(reader: "csv.DictReader[str]") -> Iterator[Row]:
    try:
        for number, row in enumerate(reader, start=1):
            # DictReader files surplus cells under None and fills missing ones with None.
            if None in row or None in row.values():
                raise BadUsage(f"row {number} has a different number of cells than the header")
            yield row
    except csv.Error as malformed:
        raise BadUsage(f"line {reader.line_num} is not CSV: {malformed}") from malformed


def _json_rows(text: str) -> _Rows:
    # Not splitlines(), which also splits at characters that JSON allows within a string.
    lines = [line for line in text.split("\n") if line.strip()]
    rows = (_json_row(number, line) for number, line in enumerate(lines, start=1))
    return _Rows(_json_row(1, lines[0]), rows)


def _json_row(number: int, line: str) -> Row:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError as malformed:
        raise BadUsage(f"row {number} is not a JSON object: {malformed}") from malformed


class _RowParser:
    """Converts rows to usage, in the order of the file: actors are drawn row by row."""

    def __init__(self, columns: Columns, how: Reading, run_id: str) -> None:
        self._columns = columns
        self._model = how.model or DEFAULT_MODEL
        self._run_id = run_id
        self._actors = zipf_actors(how.actors, how.seed)

    def parse(self, number: int, row: Row) -> Usage:
        columns = self._columns
        cell = _Cells(number, row)
        return Usage(
            key=cell.identifier(columns.key) if columns.key else row_key(self._run_id, number),
            actor=cell.identifier(columns.actor) if columns.actor else next(self._actors),
            model=cell.text(columns.model) if columns.model else self._model,
            input_tokens=cell.token_count(columns.input),
            output_tokens=cell.token_count(columns.output),
            at=cell.instant(columns.time) if columns.time else None,
        )


class _Cells:
    """The cells of one row. Every method raises BadUsage, naming row and column."""

    def __init__(self, number: int, row: Row) -> None:
        self._number = number
        self._row = row

    def text(self, column: str | None) -> str:
        value = self._value(column)
        if not isinstance(value, str) or not value.strip():
            raise self._bad(column, value, "text")
        return value.strip()

    def identifier(self, column: str) -> str:
        value = self._value(column)
        name = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(name, str) or not _ID.fullmatch(name):
            raise self._bad(column, value, f"1 to 128 of the characters {_ID_CHARACTERS}")
        return name

    def token_count(self, column: str | None) -> int:
        value = self._value(column)
        digits = str(value).strip()
        if not _WHOLE_NUMBER.fullmatch(digits):
            raise self._bad(column, value, f"a whole number of tokens below {_MOST_TOKENS}")
        return int(digits)

    def instant(self, column: str) -> datetime:
        """A time without an offset is UTC."""
        value = self._value(column)
        try:
            at = datetime.fromisoformat(str(value).strip())
        except ValueError as malformed:
            raise self._bad(column, value, "a time such as 2026-01-31T12:00:00Z") from malformed
        return at if at.tzinfo else at.replace(tzinfo=UTC)

    def _value(self, column: str | None) -> object:
        return self._row.get(column) if column is not None else None

    def _bad(self, column: str | None, value: object, must_be: str) -> BadUsage:
        return BadUsage(f"row {self._number}: {column} is {value!r} and must be {must_be}")


def _refuse_repeated_keys(usage: list[Usage]) -> None:
    """Keys are unique per actor: a second row under the same key would be reported as charged but never be."""
    rows: dict[tuple[str, str], int] = {}
    for number, row in enumerate(usage, start=1):
        first = rows.setdefault((row.actor, row.key), number)
        if first != number:
            raise BadUsage(f"row {number} repeats the key {row.key!r} of row {first} for {row.actor}")
