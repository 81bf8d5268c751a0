"""Publishes the entries that the emulator loses in a restart, between the ledger and the other tables.

AWS keeps a stream for a day and continues where the outbox was. The emulator keeps the position in the stream but not
the stream itself. After a restart it would skip as many new entries as there were old ones, and entries that were not
published before would never be published. A kill also loses what the bus put into a queue in the last second.
"""

import json
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from local.aws import Aws
from local.deploy import Stack
from local.files import write_private
from local.processes import ProcessFailedError
from local.tables import Item, Tables
from shared.adapters.keys import is_entry_sk
from shared.ledger.kinds import KINDS

POSITIONS: Final = "dynamodb_stream_positions"
BATCH_SIZE: Final = 100
"""The same as in the template's stream mapping."""


def forget_stream_positions(emulator_state: Path) -> None:
    """Call it while the emulator is stopped: it then starts at the begin of the new stream."""
    file = emulator_state / "lambda.json"
    if not file.is_file():
        return
    saved = json.loads(file.read_text())
    if saved["payload"].pop(POSITIONS, None) is not None:
        write_private(file, json.dumps(saved))


def publish_what_was_not(aws: Aws, stack: Stack) -> None:
    """Sends every entry that the audit table or the usage sums lack to the outbox, as the stream would.

    An event that is already on its way then arrives twice, which both recognise. Raises ProcessFailedError if the
    outbox fails.
    """
    tables = Tables(aws, stack)
    entries = _in_order([*unaudited(tables), *uncounted(tables)])
    if entries:
        print(f"publishing {len(entries)} entries that a restart cut off", file=sys.stderr, flush=True)
    for start in range(0, len(entries), BATCH_SIZE):
        _hand_over(aws, stack.ids["OutboxFunction"], entries[start : start + BATCH_SIZE])


def build_boards(aws: Aws, stack: Stack) -> None:
    """Takes all sums of accounts into those of their tenants: what the stream of the sums lost in a restart, or all of
    it where the bucket is new. Raises ProcessFailedError if the function fails.
    """
    after: str | None = None
    while True:
        told = _invoked(aws, stack.ids["BoardsFunction"], json.dumps({"backfill": True, "after": after}).encode())
        after = told["next"]
        if after is None:
            return


def unaudited(tables: Tables) -> list[Item]:
    """The entries without an audit row, per account in order of seq."""
    audited = {(item["pk"]["S"], int(item["seq"]["N"])) for item in tables.audit_items()}
    return _in_order(item for item in _entries(tables) if _place(item) not in audited)


def uncounted(tables: Tables) -> list[Item]:
    """Of every account whose usage is behind, the newest entry that is to be counted."""
    counting = (item for item in _entries(tables) if KINDS[item["kind"]["S"]].usage is not None)
    newest = {item["pk"]["S"]: item for item in _in_order(counting)}
    counted = tables.counted_through()
    return [item for pk, item in newest.items() if _place(item)[1] > counted.get(pk, 0)]


def _entries(tables: Tables) -> Iterator[Item]:
    return (item for item in tables.ledger_items() if is_entry_sk(item["sk"]["S"]))


def _in_order(entries: Iterable[Item]) -> list[Item]:
    """Each once, every account's in order of its sequence."""
    by_place = {_place(item): item for item in entries}
    return [by_place[place] for place in sorted(by_place)]


def _place(entry: Item) -> tuple[str, int]:
    return entry["pk"]["S"], int(entry["entry_seq"]["N"])


def _hand_over(aws: Aws, function: str, entries: Sequence[Item]) -> None:
    told = _invoked(aws, function, stream_event(entries))
    if told["batchItemFailures"]:
        raise ProcessFailedError(f"cannot publish the entries that a restart cut off: {told}")


def _invoked(aws: Aws, function: str, event: bytes) -> dict[str, Any]:
    functions = aws.session.client("lambda", endpoint_url=aws.url)
    answer = functions.invoke(FunctionName=function, Payload=event)
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise ProcessFailedError(f"cannot make up for what a restart cut off: {told}")
    return told


def stream_event(entries: Sequence[Item]) -> bytes:
    """As the stream would hand them over, which spells bytes in base64."""
    event = {"Records": [_stream_record(number, entry) for number, entry in enumerate(entries, start=1)]}
    return json.dumps(event, default=lambda binary: b64encode(binary).decode()).encode()


def _stream_record(number: int, entry: Item) -> dict[str, Any]:
    return {
        "eventID": f"recovered-{number}",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {"pk": entry["pk"], "sk": entry["sk"]},
            "NewImage": dict(entry),
            "SequenceNumber": str(number),
            "StreamViewType": "NEW_IMAGE",
        },
    }
