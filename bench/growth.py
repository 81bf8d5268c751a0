"""A charge and an account read, with 10, with 10,000 and with 1,000,000 rows behind the account.

    python -m bench.growth [--rounds 7] [--rows 1000000]

What is measured is the processor time of our handlers, and their calls and units on the wire. The milliseconds of the
clock are the emulator's, for information. The accounts are in one table, which is all that a charge shares with them.

The rows are loaded as copies of a real charge's row, each with a key and a number of its own and its place in the
index; their hashes are the original's, which neither call reads. They go into the file of DynamoDB Local while it is
stopped: through its interface a million rows take half an hour. That they are there is asked of DynamoDB afterwards.
"""

import argparse
import contextlib
import importlib
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from statistics import median
from typing import Any, Final
from uuid import UUID, uuid4

from bench.bare import client
from bench.report import Report, over, processor_ms, rows
from bench.requests import USUAL, Context, http_event
from bench.stage import LEDGER, stage
from bench.wire_units import Counted, Meter
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.adapters.items import ENTRIES_BY_SEQ
from shared.adapters.keys import STATE_SK, account_pk, entry_sk
from shared.ledger.accounts import Account
from shared.ledger.operations import Charge, GrantCredits, Operation, Terms

FEWEST: Final = 10
SOME: Final = 10_000
WHAT: Final = ("charge", "account read")
CALLS: Final = 15
"""In a round of one of them."""
ROUNDS_IN_ONE: Final = 4
"""Short rounds, and more of them: what else the machine does then falls on all alike."""
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - files in memory, where there are
_OWN_COLUMNS: Final = 7
"""Of a table in the file of DynamoDB Local; after them comes one for each attribute that orders an index."""
ROW_BYTES: Final = 4000
"""Of a row with its indexes, with room."""


@dataclass(frozen=True)
class Cost:
    """Milliseconds of a call, one figure a round."""

    processor_ms: list[float]
    clock_ms: list[float]
    counted: Counted


def report(rounds: int, most: int = 1_000_000) -> Report:
    costs = measured(rounds, sorted({FEWEST, min(SOME, most), most}))
    shown = {
        f"{what}, {number:,} rows behind": (
            f"{median(cost.processor_ms):.3f}",
            f"{median(cost.clock_ms):.1f}",
            sum(cost.counted.calls.values()),
            cost.counted.write_units,
            cost.counted.read_units,
        )
        for (what, number), cost in costs.items()
    }
    growth = {what: over(costs[what, most].processor_ms, costs[what, FEWEST].processor_ms) for what in WHAT}
    figures = {
        "growth_1m_over_10": max(growth.values()),
        "charge_growth": growth["charge"],
        "account_read_growth": growth["account read"],
    }
    return Report(
        rows(("processor ms", "clock ms", "calls", "writes", "reads"), shown, 14),
        {name: round(figure, 3) for name, figure in figures.items()} | {"growth_rows": most},
    )


def measured(rounds: int, sizes: list[int]) -> dict[tuple[str, int], Cost]:
    """By what is done and the rows behind the account."""
    accounts = {number: Account("main", f"user:{number}-rows") for number in sizes}
    with tempfile.TemporaryDirectory(dir=_place(sizes)) as directory:
        with stage(Path(directory)) as on:
            _begin(on.dynamodb_url, accounts)
        _load(next(Path(directory).glob("*.db")), accounts)
        with (
            stage(Path(directory)) as on,
            Path(os.devnull).open("w") as nowhere,
            contextlib.redirect_stdout(nowhere),
        ):
            dynamodb = client(on.dynamodb_url)
            for number, account in accounts.items():
                _check_loaded(dynamodb, account, number)
            return _costs(rounds, dynamodb, _acts(accounts))


def _place(sizes: list[int]) -> Path | None:
    """In memory, if the rows fit there four times: the emulator waits for the disk at every commit."""
    needed = 4 * ROW_BYTES * sum(sizes)
    return MEMORY if MEMORY.is_dir() and disk_usage(MEMORY).free > needed else None


def _begin(url: str, accounts: dict[int, Account]) -> None:
    """The first rows: a grant and charges, recorded as always."""
    ledger = DynamoLedger(LEDGER, host=url)
    now_ms = time.time_ns() // 1_000_000
    for account in accounts.values():
        ledger.record(_operation(account, GrantCredits(10**12)), now_ms)
        for _ in range(FEWEST - 1):
            ledger.record(_operation(account, Charge(1_234_500)), now_ms)


def _operation(account: Account, terms: Terms) -> Operation:
    return Operation(account, str(uuid4()), terms, by="bench", correlation_id=str(uuid4()), **USUAL)


def _load(file: Path, accounts: dict[int, Account]) -> None:
    database = sqlite3.connect(file)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -500000")
    for number, account in accounts.items():
        pk = account_pk(account).encode()
        found = database.execute(f'SELECT * FROM "{LEDGER}" WHERE hashKey = ?', [pk])  # noqa: S608 - a name of ours
        last = next(row for row in found.fetchall() if _in_order(FEWEST) in row)
        values = ", ".join("?" * len(last))
        database.executemany(
            f'INSERT INTO "{LEDGER}" VALUES ({values})',  # noqa: S608 - as above
            _copies(last, FEWEST, number),
        )
        database.execute(
            f'UPDATE "{LEDGER}" SET ObjectJSON = CAST(replace(CAST(ObjectJSON AS TEXT), ?, ?) AS BLOB)'  # noqa: S608 - as above
            " WHERE hashKey = ? AND rangeKey = ?",
            [_attribute("seq", FEWEST), _attribute("seq", number), pk, STATE_SK.encode()],
        )
    database.commit()
    database.close()


def _copies(row: tuple[Any, ...], seq: int, last_seq: int) -> Iterator[tuple[Any, ...]]:
    pk, sk, *described, content, both = row[:_OWN_COLUMNS]
    indexed = row[_OWN_COLUMNS:]
    by_seq = indexed.index(_in_order(seq))
    before, middle, after = _cut(content, f'"{sk.decode()}"', _attribute("entry_seq", seq))
    for number in range(seq + 1, last_seq + 1):
        new_sk = entry_sk(str(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128, version=4)))
        both_parts = {f'"{sk.decode()}"': f'"{new_sk}"', _attribute("entry_seq", seq): _attribute("entry_seq", number)}
        text = before + both_parts[middle[0]] + middle[1] + both_parts[middle[2]] + after
        keys = (*indexed[:by_seq], _in_order(number), *indexed[by_seq + 1 :])
        yield pk, new_sk.encode(), *described, text.encode(), both, *keys


def _cut(content: bytes, *parts: str) -> tuple[str, tuple[str, str, str], str]:
    """The text around two of its parts, whichever comes first."""
    text = content.decode()
    one, two = sorted(parts, key=text.index)
    before, rest = text.split(one, 1)
    between, after = rest.split(two, 1)
    return before, (one, between, two), after


def _attribute(name: str, number: int) -> str:
    return f'"{name}":{{"N":"{number}"}}'


def _in_order(number: int) -> bytes:
    """A number from 10 up as DynamoDB Local sorts it."""
    return f">>{len(str(number)) - 1:03}E{number:0<38}".encode()


def _check_loaded(dynamodb: Any, account: Account, number: int) -> None:  # noqa: ANN401 - a client of botocore
    asked = {
        "TableName": LEDGER,
        "IndexName": ENTRIES_BY_SEQ,
        "KeyConditionExpression": "pk = :pk AND entry_seq > :middle",
        "ExpressionAttributeValues": {":pk": {"S": account_pk(account)}, ":middle": {"N": str(number // 2)}},
        "Limit": 3,
    }
    newest, above = (dynamodb.query(**asked, ScanIndexForward=forward)["Items"] for forward in (False, True))
    found = [int(item["entry_seq"]["N"]) for item in (newest[0], *above)]
    if found != [number, *(number // 2 + place for place in (1, 2, 3))]:
        raise RuntimeError(f"{number} rows are not in the index as they should be: {found}")
    key = {name: newest[0][name] for name in ("pk", "sk")}
    if dynamodb.get_item(TableName=LEDGER, Key=key, ConsistentRead=True)["Item"] != newest[0]:
        raise RuntimeError(f"the last of {number} rows is not in the table as it is in the index")


def _acts(accounts: dict[int, Account]) -> dict[tuple[str, int], Callable[[int], object]]:
    cost, reads = (importlib.import_module(f"functions.{name}.handler") for name in ("cost", "accounts"))

    def charge(account: Account) -> Callable[[int], object]:
        body = {"actor": account.actor, "cost": 12.345, **USUAL}
        return lambda _: _answered(cost, http_event("POST /v1/cost", body, str(uuid4())))

    def read(account: Account) -> Callable[[int], object]:
        event = http_event("GET /v1/accounts/{actor}", None, path={"actor": account.actor})
        return lambda _: _answered(reads, event)

    made = {"charge": charge, "account read": read}
    return {(what, number): made[what](account) for what in WHAT for number, account in accounts.items()}


def _answered(function: Any, event: dict[str, Any]) -> None:  # noqa: ANN401 - a module
    answer = function.lambda_handler(event, Context())
    if answer["statusCode"] not in {200, 201}:
        raise RuntimeError(f"{event['routeKey']} was answered {json.dumps(answer)}")


def _costs(
    rounds: int,
    dynamodb: Any,  # noqa: ANN401 - a client of botocore
    acts: dict[tuple[str, int], Callable[[int], object]],
) -> dict[tuple[str, int], Cost]:
    meter, counted = Meter(dynamodb), {}
    for name, act in acts.items():
        act(0)
        with meter.counting() as counted[name]:
            act(0)
    costs = {name: Cost([], [], counted[name]) for name in acts}
    order = list(acts)
    for _ in range(rounds * ROUNDS_IN_ONE):
        order = [*order[1:], order[0]]
        for name in order:
            began_s = time.monotonic()
            costs[name].processor_ms.append(processor_ms(acts[name], CALLS))
            costs[name].clock_ms.append((time.monotonic() - began_s) * 1000 / CALLS)
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(prog="growth", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=1_000_000, help="behind the largest account")
    wanted = parser.parse_args()
    report(wanted.rounds, wanted.rows).show()


if __name__ == "__main__":
    main()
