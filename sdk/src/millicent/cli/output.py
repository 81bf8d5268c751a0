"""Prints the results of commands: tables for people, one JSON document for scripts."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from millicent.amounts import readable
from millicent.errors import MillicentError

STANDARD_OUTPUT: Final = "standard output"
_WIDTH_OF_NO_TERMINAL: Final = 160
_NOTHING: Final = "none"
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class CannotWrite(MillicentError):
    """The command succeeded, but its answer could not be written."""


@contextmanager
def writing(where: object) -> Iterator[None]:
    """Raises CannotWrite if the file, or standard output, cannot be written."""
    try:
        yield
    except OSError as failure:
        raise CannotWrite(f"{where} cannot be written: {failure.strerror or failure}") from failure


def print_text(text: str) -> None:
    """Prints the text unchanged."""
    with writing(STANDARD_OUTPUT):
        click.echo(text, nl=False)


def print_json(answer: object) -> None:
    """One line; amounts are numbers with their exact decimals."""
    print_text(f"{_encode(answer).decode()}\n")


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Names and values, one per line; absent values are left out."""
    table = Table(title=Text(title), show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in facts.items():
        if value is not None:
            table.add_row(Text(name), _cell(value))
    _print(table)


def print_line(*cells: tuple[object, int]) -> None:
    """One line: values and their widths, below 0 for the left side; a value of width 0 is left out if it is absent."""
    shown = [(_printable(_words(value)), width) for value, width in cells if width or value is not None]
    texts = (text.ljust(-width) if width <= 0 else text.rjust(width) for text, width in shown)
    print_text(f"{'  '.join(texts).rstrip()}\n")


def print_rows(title: str, columns: Mapping[str, str], rows: Iterable[Iterable[object]]) -> None:
    """`columns` maps each heading to its alignment, `left` or `right`. Without rows no table is printed."""
    table = Table(title=Text(title), title_justify="left")
    for heading, side in columns.items():
        table.add_column(Text(heading), justify="right" if side == "right" else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    if table.row_count:
        _print(table)
    else:
        print_text(f"{_printable(title)}: {_NOTHING}\n")


def _print(table: Table) -> None:
    # Created per table, since standard output can change.
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _WIDTH_OF_NO_TERMINAL, highlight=False, markup=False)
    with writing(STANDARD_OUTPUT):
        console.print(table)


def _cell(value: object) -> Text:
    return Text(_printable(_words(value)))


def _words(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return readable(value)
        case datetime():
            return value.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
        case int():
            return f"{value:,}"
        case _:
            return str(value)


def _printable(text: str) -> str:
    """Text from other sources must not control the reader's terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)
