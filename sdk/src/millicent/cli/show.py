"""`show`: the record in a row, which the tables store deflated."""

import hashlib
import json
import sys
from typing import Any, Final, TextIO

import click

from millicent.cli.invocation import EXIT_REFUSED, Invocation, json_option, pass_invocation
from millicent.cli.output import print_json, print_text
from millicent.verify_proof import record_of_row

_INDENT: Final = 2


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
@json_option
@pass_invocation
def show(invocation: Invocation, file: TextIO) -> None:
    """Print the record in a row of the ledger or the audit table.

    FILE, or standard input, has the row as AWS shows it: the JSON of an item from the console, from `aws dynamodb
    get-item`, from an export or from the stream; or the base64 text of its attribute `record` alone. Needs neither a
    service nor AWS. Exit code 1 if the row has a hash that is not that of its record.
    """
    row = _row(file.read().strip())
    try:
        text = record_of_row(row)
        entry = json.loads(text)
    except (ValueError, KeyError, TypeError) as failure:
        raise click.UsageError(f"this is no row of an entry: {failure}") from failure
    digest = hashlib.sha256(text.encode()).hexdigest()
    stored = _stored_hash(row)
    if invocation.as_json:
        print_json({"record": text, "hash": digest, "is_as_hashed": stored in {None, digest}})
    else:
        # In ASCII, so that no text of a caller steers the terminal.
        print_text(f"{json.dumps(entry, indent=_INDENT)}\n")
        print_text(f"hash {digest}{_verdict(stored, digest)}\n")
    if stored not in {None, digest}:
        sys.exit(EXIT_REFUSED)


def _row(text: str) -> object:
    """JSON as it is; anything else is taken for the base64 text of a record."""
    try:
        return json.loads(text)
    except ValueError:
        return {"record": {"B": text}}


def _stored_hash(row: Any) -> str | None:  # noqa: ANN401 - whatever JSON holds
    row = row.get("Item", row) if isinstance(row, dict) else {}
    stored = row.get("hash")
    found = stored.get("S") if isinstance(stored, dict) else stored
    return None if found is None else str(found)


def _verdict(stored: str | None, digest: str) -> str:
    if stored is None:
        return ""
    return ", as in the row" if stored == digest else f", but the row has {stored}: it was altered"
