"""The sums of a tenant: what `GET /v1/usage` costs with many accounts, and what a charge costs more because of it.

    python -m bench.boards [--accounts 100000] [--entries 2000000] [--reads 60]

The boards are those of a month in which each account has entries on four days, built by the backfill's own steps.
Pointers are on DynamoDB Local, and their units are counted on the wire. The texts are in memory, where S3 would add its
round trips: one for a meter, app, model or day, two for actors, several at once where a period has several months. The
milliseconds are the clock's, for the tenant function's use case and the JSON of its answer.

Then charges arrive a minute long at several rates, each of an account of its own, and one shard of the stream hands
them over; the figure is the units that the table takes because of boards, for a charge.
"""

import argparse
import io
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from statistics import median
from typing import Any, Final, cast
from unittest.mock import patch

from botocore.exceptions import ClientError

from bench.bare import client
from bench.report import Report, rows
from bench.stage import stage
from bench.wire_units import Meter
from functions.tenant.usage_schema import tenant_usage_listing
from shared.adapters.board_items import BoardPointers
from shared.adapters.stored_boards import StoredBoards
from shared.edge.http import encoded
from shared.ledger.accounts import Account
from shared.ledger.boards import Register
from shared.ledger.usage import Slot, Sums
from shared.ports.usage import DayRange
from shared.usecases.list_tenant_usage import TenantGrouping, TenantUsageAsked, list_tenant_usage
from shared.usecases.merge_boards import BoardDesk, merge_boards

TENANT: Final = "main"
MONTH: Final = "2026-01"
DAYS: Final = 4
METERS: Final = 8
FEWEST: Final = 100
ASKED: Final[Sequence[tuple[TenantGrouping, DayRange]]] = (
    ("meter", DayRange("2026-01-01", "2026-01-31")),
    ("model", DayRange("2026-01-01", "2026-01-31")),
    ("app", DayRange("2026-01-01", "2026-01-31")),
    ("day", DayRange("2026-01-01", "2026-01-31")),
    ("actor", DayRange("2026-01-01", "2026-01-31")),
    ("actor", DayRange("2026-01-03", "2026-01-03")),
)
LISTED_AT_ONCE: Final = 5
CHARGES_A_MINUTE: Final = (1, 5, 60, 2000)


class Bucket:
    """As much of a client of S3 as boards use. `calls` counts them."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls = 0

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: ARG002, N803 - as S3 has it
        self.calls += 1
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: ARG002, N803 - as S3 has it
        self.calls += 1
        self.objects[Key] = Body

    def list_objects_v2(self, *, Bucket: str, StartAfter: str) -> dict[str, Any]:  # noqa: ARG002, N803 - as S3 has it
        self.calls += 1
        keys = sorted(key for key in self.objects if key > StartAfter)
        return {"Contents": [{"Key": key} for key in keys[:LISTED_AT_ONCE]], "IsTruncated": len(keys) > LISTED_AT_ONCE}

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> None:  # noqa: ARG002, N803 - as S3 has it
        self.calls += 1
        for each in Delete["Objects"]:
            self.objects.pop(each["Key"], None)


def register(number: int, day: int, entries: int, month: str = MONTH) -> Register:
    """An account's day of `entries` charges, through one app, with one of eight meters and models."""
    name = f"{month}-{day:02}"
    sums = Sums(charged=(number * 37 + day) % 90_000 + entries, count=entries)
    kind = number % METERS
    names = {"day": "", "app": "chat", "meter": f"meter-{kind}", "model": f"openai/gpt-{kind}", "member": ""}
    found = {Slot(grouping, slot, name): sums for grouping, slot in names.items()}  # type: ignore[arg-type]
    return Register(Account(TENANT, f"user:{number:07}"), name, "", entries, found)


def built(store: StoredBoards, accounts: int, entries: int) -> None:
    """Every account on each of the days; a day at a time, as a backfill takes them."""
    each = max(1, entries // (accounts * DAYS))
    for day in range(1, DAYS + 1):
        merge_boards((register(number, day, each) for number in range(accounts)), desk(store))


def desk(store: StoredBoards) -> BoardDesk:
    return BoardDesk(store, lambda: time.time_ns() // 1_000_000, lambda: secrets.token_urlsafe(6))


def read(store: StoredBoards, grouping: TenantGrouping, period: DayRange) -> str:
    asked = TenantUsageAsked(grouping, period, None, 100)
    return encoded(tenant_usage_listing(asked, list_tenant_usage(TENANT, asked, store)))


def clocked_ms(act: Callable[[], object], times: int) -> list[float]:
    found = []
    for _ in range(times):
        begun_ns = time.perf_counter_ns()
        act()
        found.append((time.perf_counter_ns() - begun_ns) / 1e6)
    return sorted(found)


def answers(meter: Meter, store: StoredBoards, bucket: Bucket, reads: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for grouping, period in ASKED:
        what = grouping if grouping != "actor" else f"actor, {'day' if period.first == period.last else 'month'}"
        before = bucket.calls
        with meter.counting() as counted:
            read(store, grouping, period)
        texts = bucket.calls - before
        times = clocked_ms(partial(read, store, grouping, period), reads)
        yield what, (counted.read_units, texts, median(times), times[int(len(times) * 0.95)])


def charging(meter: Meter, store: StoredBoards, charges: int) -> tuple[float, float]:
    """Write units and texts for a charge, over ten minutes."""
    minutes = 10
    with meter.counting() as counted:
        for minute in range(1, minutes + 1):
            batch: Iterable[Register] = [register(number, 1, minute, "2026-02") for number in range(charges)]
            merge_boards(batch, desk(store))
    return counted.write_units / (charges * minutes), counted.read_units / (charges * minutes)


def _given(made: Any) -> Any:  # noqa: ANN401 - a client of S3
    return made


def measured(accounts: int, entries: int, reads: int) -> Report:
    tables: dict[str, tuple[Any, ...]] = {}
    figures: dict[str, float] = {"accounts": accounts, "entries": entries}
    for size in (FEWEST, accounts):
        with stage() as on, patch.dict(os.environ, on.environment):
            meter, bucket = Meter(client(on.dynamodb_url)), Bucket()
            pointers, made = BoardPointers("usage", host=on.dynamodb_url), cast("Any", bucket)
            store = StoredBoards(pointers, "boards", 1, partial(_given, made))
            begun_s = time.perf_counter()
            built(store, size, entries)
            figures[f"built_s_{size}"] = round(time.perf_counter() - begun_s, 1)
            for what, (units, texts, middle_ms, p95_ms) in answers(meter, store, bucket, reads):
                tables[f"{what}, {size:,} accounts"] = (units, texts, f"{middle_ms:.1f}", f"{p95_ms:.1f}")
                name = what.replace(", ", "_")
                figures[f"{name}_p95_ms_{size}"] = round(p95_ms, 1)
                figures[f"{name}_read_units_{size}"] = units
            if size == FEWEST:
                for charges in CHARGES_A_MINUTE:
                    writes, read_units = charging(meter, store, charges)
                    figures[f"write_units_a_charge_at_{charges}_a_minute"] = round(writes, 4)
                    figures[f"read_units_a_charge_at_{charges}_a_minute"] = round(read_units, 4)
    return Report(rows(("read units", "texts", "median ms", "p95 ms"), tables), figures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--entries", type=int, default=2_000_000)
    parser.add_argument("--reads", type=int, default=60)
    asked = parser.parse_args()
    measured(asked.accounts, asked.entries, asked.reads).show()
