"""A page of a tenant's accounts, with 1,000, with 10,000 and with 100,000 accounts.

    python -m bench.tenants [--pages 200] [--accounts 100000]

A page is a call of our handler against DynamoDB Local in memory: its milliseconds by the clock are the emulator's and
this machine's, its calls and read units are counted on the wire and the same everywhere. The pages are of 50 accounts,
each from a place in the list that is drawn, and every other one of a prefix. The accounts are loaded as items: a mark,
a state and, of every tenth, a policy, all as the ledger writes them.
"""

import argparse
import importlib
import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final
from urllib.parse import urlencode

from bench.bare import client
from bench.report import Report, processor_ms, rows
from bench.requests import CLAIMS, Context, http_event
from bench.stage import LEDGER, stage
from bench.wire_units import Counted, Meter
from shared.adapters.items import BegunItem, PolicyItem, StateItem
from shared.ledger.accounts import Account, AccountState, Begun
from shared.ledger.operations import Configure, GrantCredits, Operation, Terms
from shared.ledger.reducer import apply

FEWEST: Final = 1000
SOME: Final = 10_000
PAGE: Final = 50
PUTS: Final = 25
"""In one BatchWriteItem."""
LOADERS: Final = 4
LIMITED: Final = 10
"""One account in so many has a policy."""
PREFIX_CHARACTERS: Final = len("user:000")
NOW_MS: Final = 1_763_900_000_000


@dataclass(frozen=True)
class Pages:
    """Of one size of tenant."""

    clock_ms: list[float]
    processor_ms: float
    counted: Counted
    number: int

    @property
    def p95_ms(self) -> float:
        return quantiles(self.clock_ms, n=20)[-1]


def report(rounds: int, most: int = 100_000, pages: int = 0) -> Report:
    found = measured(sorted({min(FEWEST, most), min(SOME, most), most}), pages or 30 * rounds)
    shown = {
        f"{number:,} accounts": (
            f"{median(each.clock_ms):.1f}",
            f"{each.p95_ms:.1f}",
            f"{each.processor_ms:.2f}",
            f"{sum(each.counted.calls.values()) / each.number:.1f}",
            f"{each.counted.read_units / each.number:.1f}",
        )
        for number, each in found.items()
    }
    first, last = found[min(found)], found[max(found)]
    figures = {
        "accounts": max(found),
        "accounts_page_p95_ms": round(last.p95_ms, 1),
        "accounts_page_read_units": round(last.counted.read_units / last.number, 1),
        "accounts_page_growth": round(median(last.clock_ms) / median(first.clock_ms), 3),
        "accounts_page_units_growth": round(last.counted.read_units / first.counted.read_units, 3),
    }
    return Report(rows(("median ms", "p95 ms", "processor ms", "calls", "reads"), shown, 14), figures)


def measured(sizes: list[int], pages: int) -> dict[int, Pages]:
    """By the number of accounts, each of a tenant of its own. Their pages are measured in turn."""
    with stage() as on, Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        dynamodb = client(on.dynamodb_url)
        for number in sizes:
            _load(dynamodb, number)
        handler: Any = importlib.import_module("functions.accounts.handler")
        asks = {number: _asking(handler, number, pages) for number in sizes}
        counted = {number: _counted(dynamodb, ask, pages) for number, ask in asks.items()}
        clock_ms = {number: list[float]() for number in sizes}
        for page in range(pages):
            for number, ask in asks.items():
                began_s = time.monotonic()
                ask(page)
                clock_ms[number].append((time.monotonic() - began_s) * 1000)
        return {
            number: Pages(clock_ms[number], processor_ms(ask, pages), counted[number], pages)
            for number, ask in asks.items()
        }


def _load(dynamodb: Any, number: int) -> None:  # noqa: ANN401 - a client of botocore
    """One account is made by the ledger's own rules, and the others are like it."""
    open_one, limited = _state(Configure(status="open")), _state(Configure(status="frozen"))

    def put(first: int) -> None:
        waiting: list[Any] = [
            {"PutRequest": {"Item": item}}
            for place in range(first, min(first + PUTS // 3, number))
            for item in _items(replace(limited if place % LIMITED == 0 else open_one, account=_account(number, place)))
        ]
        while waiting:
            answer = dynamodb.batch_write_item(RequestItems={LEDGER: waiting})
            waiting = answer["UnprocessedItems"].get(LEDGER, [])

    with ThreadPoolExecutor(LOADERS) as threads:
        list(threads.map(put, range(0, number, PUTS // 3)))


def _account(number: int, place: int) -> Account:
    return Account(f"tenant-of-{number}", f"user:{place:06}")


def _state(*terms: Terms) -> AccountState:
    state = AccountState(Account("main", "user:bench"))
    for key, each in enumerate((GrantCredits(10**9), *terms)):
        state = apply(state, Operation(state.account, str(key), each, by="bench", correlation_id="bench"), NOW_MS).state
    return state


def _items(state: AccountState) -> Iterator[dict[str, Any]]:
    yield BegunItem.of(state.account, Begun()).serialize()
    if state.is_frozen and state.policy:
        yield PolicyItem.of(state.account, state.policy).serialize()
        yield StateItem.of(state).serialize()
    else:
        yield StateItem.of(replace(state, policy=None, policy_seq=0)).serialize()


def _asking(handler: Any, number: int, pages: int) -> Callable[[int], None]:  # noqa: ANN401 - a module
    from functions.accounts.schema import accounts_cursor  # noqa: PLC0415 - after the environment is set

    chance = random.Random(number)
    events = []
    for page in range(pages):
        account = _account(number, chance.randrange(number))
        prefix = account.actor[:PREFIX_CHARACTERS] if page % 2 else ""
        query = {"limit": str(PAGE), "prefix": prefix, "after": accounts_cursor(account.tenant, prefix, account.actor)}
        event = http_event("GET /v1/accounts", None)
        event["requestContext"]["authorizer"]["jwt"]["claims"] = {**CLAIMS, "custom:tenant": account.tenant}
        events.append({**event, "queryStringParameters": query, "rawQueryString": urlencode(query)})

    def ask(page: int) -> None:
        answer = handler.lambda_handler(events[page], Context())
        if answer["statusCode"] != 200:  # noqa: PLR2004 - OK
            raise RuntimeError(f"a page was answered {answer}")

    return ask


def _counted(dynamodb: Any, ask: Callable[[int], None], pages: int) -> Counted:  # noqa: ANN401 - a client of botocore
    with Meter(dynamodb).counting() as counted:
        for page in range(pages):
            ask(page)
    # Local asks nothing for a query that finds nothing, which AWS counts as half a unit.
    if otherwise := [each for each in counted.disagreements if not each.endswith("Local says 0.0")]:
        raise RuntimeError(f"DynamoDB Local counts otherwise: {otherwise[:3]}")
    return counted


def main() -> None:
    parser = argparse.ArgumentParser(prog="tenants", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pages", type=int, default=200, help="of each size of tenant")
    parser.add_argument("--accounts", type=int, default=100_000, help="of the largest tenant")
    wanted = parser.parse_args()
    report(0, wanted.accounts, wanted.pages).show()


if __name__ == "__main__":
    main()
