"""Calls, write units and read units of every operation, counted on the wire, and what is behind a charge.

    python -m bench.units

Runs the handlers against DynamoDB Local (`bench/wire_units.py` counts) and the functions behind the stream with what
the handlers wrote. The figures depend on no clock and no machine. Lines of the log are counted in bytes, since
CloudWatch bills them.
"""

import contextlib
import importlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import msgspec

from bench.bare import client
from bench.report import Report
from bench.requests import USUAL, Context, http_event
from bench.stage import LEDGER, stage
from bench.wire_units import Meter, size_bytes
from millicent.bill.estimate import dollars_per_million_charges
from shared.adapters.items import ENTRIES_BY_SEQ, EntryItem
from shared.adapters.keys import account_pk
from shared.ledger.accounts import Account
from shared.ledger.entries import Entry
from shared.ledger.events import SOURCE, Event, check_event, entry_events

BATCH: Final = 90
TENANT: Final = "main"
_FUNCTIONS: Final = ("cost", "check", "holds", "funding", "policies", "outbox", "audit", "usage")
CHARGES_A_MONTH: Final = 10_000_000
"""At which a million of them is priced: the fuller the batches behind, the less it costs."""
CHECKED_MS: Final = 1_763_900_000_000
_FUNDS: Final = 10**9

_encoded: Final = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True)
class Figures:
    """Of one operation, one line of a batch, or one event."""

    calls: float
    write_units: float
    read_units: float
    log_bytes: float
    row_bytes: int = 0
    """The size of the entry that was written, if one was."""


class Bench:
    """The handlers, and what they wrote to DynamoDB and to the log."""

    def __init__(self, dynamodb: Any, log: io.StringIO) -> None:  # noqa: ANN401 - a client of botocore
        self._dynamodb = dynamodb
        self._meter = Meter(dynamodb)
        self._log = log
        self._functions = {name: importlib.import_module(f"functions.{name}.handler") for name in _FUNCTIONS}
        self._numbers = iter(range(1, 10**9))

    def key(self) -> str:
        """A UUID, and the same in every run."""
        return str(UUID(int=next(self._numbers) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128, version=4))

    def actor(self, kind: str = "user") -> str:
        return f"{kind}:{self.key()}"

    def ask(self, function: str, route: str, body: object, key: str | None = None, **path: str) -> dict[str, Any]:
        answer = self._functions[function].lambda_handler(http_event(route, body, key, path), Context())
        if answer["statusCode"] not in {200, 201}:
            raise RuntimeError(f"{route} with {body} was answered {answer}")
        told: dict[str, Any] = json.loads(answer["body"])
        return told

    def funded(self, kind: str = "user") -> str:
        actor = self.actor(kind)
        self.ask("funding", "POST /v1/funding", {"actor": actor, "amount": _FUNDS}, self.key())
        return actor

    def member(self) -> str:
        actor, parent = self.funded(), self.funded("team")
        self.ask("policies", "PATCH /v1/accounts/{actor}", {"parent": parent}, self.key(), actor=actor)
        self.charge(actor)
        return actor

    def charge(self, actor: str) -> dict[str, Any]:
        return self.ask("cost", "POST /v1/cost", {"actor": actor, "cost": 12.345, **USUAL}, self.key())

    def charged_once(self) -> list[tuple[dict[str, Any], Entry]]:
        """The charge of another account."""
        actor = self.funded()
        self.charge(actor)
        return self.entries(actor, 1)

    def batch(self, actor: str, **more: str) -> None:
        """`more` are further members of every line."""
        lines = [{"key": self.key(), "actor": actor, "cost": 12.345, **USUAL, **more} for _ in range(BATCH)]
        told = self.ask("cost", "POST /v1/cost/batch", {"charges": lines})
        if any(each["status"] != HTTPStatus.CREATED for each in told["results"]):
            raise RuntimeError(f"not every line was charged: {told}")

    def hold(self, actor: str, amount: int = 50) -> str:
        body = {"actor": actor, "amount": amount, **USUAL}
        held: str = self.ask("holds", "POST /v1/holds", body, self.key())["hold"]["id"]
        return held

    def capture(self, actor: str, held: str) -> None:
        body = {"actor": actor, "amount": 12.345, **USUAL}
        self.ask("holds", "POST /v1/holds/{id}/capture", body, self.key(), id=held)

    def release(self, actor: str, held: str) -> None:
        self.ask("holds", "POST /v1/holds/{id}/release", {"actor": actor}, self.key(), id=held)

    def audit_check(self, actor: str) -> None:
        answer = {"allowed": True, "actor": actor, "minimum": 100, "available": 10**6, "held": 0, "spendable": 10**6}
        check_id = self.key()
        event = check_event(Account(TENANT, actor), check_id, {**answer, "check_id": check_id}, CHECKED_MS, self.key())
        self._told("audit", [_message(0, event)])

    def entries(self, actor: str, newest: int) -> list[tuple[dict[str, Any], Entry]]:
        """The newest entries, oldest first: each as the item that it is, and as an entry."""
        found = self._dynamodb.query(
            TableName=LEDGER,
            IndexName=ENTRIES_BY_SEQ,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": account_pk(Account(TENANT, actor))}},
            ScanIndexForward=False,
            Limit=newest,
        )["Items"]
        return [(item, EntryItem.from_raw_data(item).entry) for item in reversed(found)]

    def publish(self, entries: list[tuple[dict[str, Any], Entry]]) -> None:
        """As the stream has them."""
        images = [json.loads(_encoded(item)) for item, _ in entries]
        records = [
            {
                "eventName": "INSERT",
                "dynamodb": {
                    "Keys": {name: image[name] for name in ("pk", "sk")},
                    "NewImage": image,
                    "SequenceNumber": str(number),
                },
            }
            for number, image in enumerate(images)
        ]
        self._told("outbox", records)

    def audit(self, entries: list[tuple[dict[str, Any], Entry]]) -> None:
        self._told("audit", self._messages(entries))

    def count_usage(self, entries: list[tuple[dict[str, Any], Entry]]) -> None:
        self._told("usage", self._messages(entries))

    def counted(self, act: Callable[[], object], each: int = 1, row_of: str | None = None) -> Figures:
        """`each` is how many operations `act` makes; `row_of` is the actor whose newest entry is weighed."""
        self._log.seek(0)
        self._log.truncate()
        with self._meter.counting() as counted:
            act()
        if counted.disagreements:
            raise RuntimeError("; ".join(counted.disagreements))
        row_bytes = size_bytes(self.entries(row_of, 1)[0][0]) if row_of else 0
        log_bytes = len(self._log.getvalue().encode())
        return Figures(
            sum(counted.calls.values()) / each,
            counted.write_units / each,
            counted.read_units / each,
            log_bytes / each,
            row_bytes,
        )

    def _told(self, function: str, records: list[dict[str, Any]]) -> None:
        answer = self._functions[function].lambda_handler({"Records": records}, Context())
        if answer["batchItemFailures"]:
            raise RuntimeError(f"{function} failed for {answer}")

    def _messages(self, entries: list[tuple[dict[str, Any], Entry]]) -> list[dict[str, Any]]:
        """As the queues hand the events of the bus to their functions."""
        events = (event for _, entry in entries for event in entry_events(entry))
        return [_message(number, event) for number, event in enumerate(events)]


def _message(number: int, event: Event) -> dict[str, Any]:
    envelope = {"source": SOURCE, "detail-type": event.detail_type, "detail": event.detail}
    return {"messageId": f"m{number}", "body": _encoded(envelope).decode()}


def report(_: int) -> Report:
    """Once is enough: it is the same every time."""
    figures = measured()
    return Report(table(figures), figures_of_interest(figures))


def measured() -> dict[str, Figures]:
    """By operation. A line of a batch and an event of a batch are shown as one of them."""
    log = io.StringIO()
    # The loggers take stdout as it is when the functions are imported.
    with stage() as on, contextlib.redirect_stdout(log):
        os.environ["LEDGER_DEADLINE_MS"] = "600000"  # what is counted is read twice more, and takes its time
        return dict(_figures(Bench(client(on.dynamodb_url), log)))


def _figures(bench: Bench) -> Iterator[tuple[str, Figures]]:
    # Warm first: a cold start writes lines and reads rates that no later call does.
    actor, limited, member = bench.funded(), bench.funded(), bench.member()
    limits = [{"amount": 10**8, "window": "day", "app": "chat"}, {"amount": 10**8, "window": "month"}]
    bench.ask("policies", "PUT /v1/accounts/{actor}/limits", {"limits": limits}, bench.key(), actor=limited)
    for each in (actor, limited):
        bench.charge(each)
    bench.capture(actor, bench.hold(actor))
    bench.ask("check", "POST /v1/check", {"actor": actor})
    for function in (bench.publish, bench.audit, bench.count_usage):
        function(bench.entries(actor, 2))
    yield from _single(bench, actor, limited, member)
    bench.count_usage(bench.entries(actor, 3))
    yield from _batched(bench, actor, member)


def _single(bench: Bench, actor: str, limited: str, member: str) -> Iterator[tuple[str, Figures]]:
    yield "check", bench.counted(lambda: bench.ask("check", "POST /v1/check", {"actor": actor}))
    yield "charge", bench.counted(lambda: bench.charge(actor), row_of=actor)
    charged = bench.entries(actor, 1)
    yield "publish, alone", bench.counted(lambda: bench.publish(charged))
    yield "audit, alone", bench.counted(lambda: bench.audit(charged))
    yield "usage, alone", bench.counted(lambda: bench.count_usage(charged))
    yield "charge with limits", bench.counted(lambda: bench.charge(limited), row_of=limited)
    yield "charge of a member", bench.counted(lambda: bench.charge(member), row_of=member)
    held: list[str] = []
    yield "hold", bench.counted(lambda: held.append(bench.hold(actor)), row_of=actor)
    yield "capture", bench.counted(lambda: bench.capture(actor, held[0]), row_of=actor)
    released = bench.hold(actor)
    yield "release", bench.counted(lambda: bench.release(actor, released), row_of=actor)
    yield "audit of a check", bench.counted(lambda: bench.audit_check(actor))


def _batched(bench: Bench, actor: str, member: str) -> Iterator[tuple[str, Figures]]:
    yield "batched charge", bench.counted(lambda: bench.batch(actor), BATCH, row_of=actor)
    batched = bench.entries(actor, BATCH)
    yield "publish, of a batch", bench.counted(lambda: bench.publish(batched), BATCH)
    yield "audit, of a batch", bench.counted(lambda: bench.audit(batched), BATCH)
    yield "usage, of a batch", bench.counted(lambda: bench.count_usage(batched), BATCH)
    charged = [entry for _ in range(BATCH) for entry in bench.charged_once()]
    yield "audit, of 90 accounts", bench.counted(lambda: bench.audit(charged), BATCH)
    slices = [bench.hold(actor, 2000), bench.hold(member, 2000)]
    yield "batched part of a hold", bench.counted(lambda: bench.batch(actor, hold=slices[0]), BATCH, row_of=actor)
    yield "batched charge of a member", bench.counted(lambda: bench.batch(member), BATCH, row_of=member)
    yield "batched part of a member", bench.counted(lambda: bench.batch(member, hold=slices[1]), BATCH, row_of=member)


def figures_of_interest(figures: Mapping[str, Figures]) -> dict[str, float]:
    return {
        "calls_per_charge": figures["charge"].calls,
        "write_units_per_charge": figures["charge"].write_units,
        "read_units_per_charge": figures["charge"].read_units,
        "write_units_per_batched_charge": round(figures["batched charge"].write_units, 2),
        "activity_write_units_of_a_batch": round(figures["audit, of 90 accounts"].write_units - 1, 2),
        "usage_write_units_alone": figures["usage, alone"].write_units,
        "dollars_per_million_charges": round(dollars_per_million_charges(CHARGES_A_MONTH), 2),
    }


def table(figures: Mapping[str, Figures]) -> str:
    lines = [f"{'':<28}{'calls':>7}{'writes':>8}{'reads':>8}{'row':>8}{'log':>8}"]
    for name, each in figures.items():
        row = f"{each.row_bytes} B" if each.row_bytes else ""
        lines.append(
            f"{name:<28}{each.calls:7.2f}{each.write_units:8.2f}{each.read_units:8.2f}{row:>8}{each.log_bytes:6.0f} B"
        )
    return "\n".join(lines)


def main() -> None:
    figures = measured()
    print(table(figures))
    print(json.dumps({name: asdict(each) for name, each in figures.items()}))


if __name__ == "__main__":
    main()
