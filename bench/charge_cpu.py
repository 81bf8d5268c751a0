"""What one charge costs in processor time, step by step, beside what its two calls cost without us.

    .venv/bin/python -m bench.charge_cpu [charges]

Prints milliseconds of processor time a charge and ratios. Every call goes over a socket to DynamoDB Local, which is
another process and does not count.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bench.bare import client
from local.dynamodb_local import CREDENTIALS, running
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.ledger.accounts import Account, AccountState
from shared.ledger.grants import Grant
from shared.ledger.operations import Charge, GrantCredits, Operation
from shared.ledger.protocol import Commit, Read
from shared.ledger.reducer import Change, apply

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

BUDGET_MS: Final = 2.2
"""What a whole charge should cost at most."""

ACCOUNT: Final = Account("main", "user:bench")
NOW_MS: Final = 1_763_900_000_000


def main(charges: int) -> None:
    os.environ.update(
        AWS_DEFAULT_REGION=CREDENTIALS["region_name"],
        AWS_ACCESS_KEY_ID=CREDENTIALS["aws_access_key_id"],
        AWS_SECRET_ACCESS_KEY=CREDENTIALS["aws_secret_access_key"],
    )
    with running() as database:
        ledger = DynamoLedger("bench", host=database.url)
        ledger._table.entries.create_table(billing_mode="PAY_PER_REQUEST")  # noqa: SLF001 - a bench looks inside
        ledger.record(_operation("funding", GrantCredits(10**15)), NOW_MS)
        _print(_measured(ledger, client(database.url), charges))


def _measured(ledger: DynamoLedger, bare: "DynamoDBClient", charges: int) -> dict[str, float]:
    return {
        "a whole charge": _cpu_ms(charges, lambda n: ledger.record(_charge(f"whole-{n}"), NOW_MS)),
        "  the protocol's read": _cpu_ms(charges, lambda _: ledger.execute(Read(ACCOUNT, Charge(1)))),
        "  the protocol's commit": _cpu_ms(charges, lambda n: ledger.execute(Commit(_first_change(n)))),
        "  the reducer": _cpu_ms(charges, _first_change),
        "the SDK alone, read": _cpu_ms(charges, lambda _: _bare_read(bare)),
        "the SDK alone, write": _cpu_ms(charges, lambda n: _bare_write(bare, n)),
    }


def _cpu_ms(times: int, act: Callable[[int], object]) -> float:
    for number in range(times // 10):
        act(-1 - number)
    before_ns = time.process_time_ns()
    for number in range(times):
        act(number)
    return (time.process_time_ns() - before_ns) / times / 1e6


def _operation(key: str, terms: Charge | GrantCredits) -> Operation:
    return Operation(ACCOUNT, key, terms, by="bench", correlation_id=key, app="chat", meter="llm")


def _charge(key: str) -> Operation:
    return _operation(key, Charge(1234))


def _first_change(number: int) -> Change:
    account = Account("main", f"user:{number}")
    state = AccountState(
        account, available=10**9, funded=10**9, grants=(Grant(1, 10**9, 10**9, 10, "purchased", None),)
    )
    return apply(state, replace(_charge("first"), account=account), NOW_MS)


def _bare_read(bare: "DynamoDBClient") -> None:
    bare.get_item(TableName="bench", Key={"pk": {"S": "bare"}, "sk": {"S": "STATE"}}, ConsistentRead=True)


def _bare_write(bare: "DynamoDBClient", number: int) -> None:
    rows: list[dict[str, AttributeValueTypeDef]] = [
        {"pk": {"S": "bare"}, "sk": {"S": sk}, "record": {"S": "x" * 700}} for sk in (f"OP#{number}", "STATE")
    ]
    bare.transact_write_items(TransactItems=[{"Put": {"TableName": "bench", "Item": row}} for row in rows])


def _print(costs_ms: dict[str, float]) -> None:
    whole_ms = costs_ms["a whole charge"]
    bare_ms = costs_ms["the SDK alone, read"] + costs_ms["the SDK alone, write"]
    for name, cost_ms in costs_ms.items():
        print(f"{name:<26}{cost_ms:8.3f} ms{cost_ms / whole_ms:8.2f} of a charge")
    print(f"\na charge / its two calls on the SDK alone: {whole_ms / bare_ms:.2f}")
    print(f"a charge / the budget of {BUDGET_MS} ms: {whole_ms / BUDGET_MS:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
