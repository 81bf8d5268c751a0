"""The tables: made with a stream, and read back as they lie, past every proxy."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import boto3

from local.dynamodb_local import CREDENTIALS
from shared.adapters.items import ENTRIES_BY_SEQ, OPEN_HOLDS, HoldItem, PolicyItem, StateItem, TallyItem
from shared.adapters.keys import (
    BEGUN_SK,
    POLICY_SK,
    STATE_SK,
    account_pk,
    hold_sk,
    is_entry_sk,
    is_hold_sk,
    is_tally_sk,
    tally_sk,
)
from shared.ledger.accounts import Account
from tests.rows import record_text
from tests.simulation.downstream import AuditRow
from tests.simulation.table import LedgerTable, Row
from tests.stress.oracle import TENANT

LEDGER_TABLE: Final = "ledger"
AUDIT_TABLE: Final = "audit"
ACTIVITY_TABLE: Final = "activity"
INDEXES: Final = {ENTRIES_BY_SEQ: "entry_seq", OPEN_HOLDS: "open_until"}


def create_tables(url: str) -> str:
    """The tables as the template declares them. Returns the ARN of the ledger's stream."""
    client = _client(url)
    client.create_table(
        TableName=LEDGER_TABLE,
        **_definition("pk", "sk", *INDEXES.values()),
        GlobalSecondaryIndexes=[_index(name, ordered_by) for name, ordered_by in INDEXES.items()],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    for table in (AUDIT_TABLE, ACTIVITY_TABLE):
        client.create_table(TableName=table, **_definition("pk", "sk"))
    arn: str = client.describe_table(TableName=LEDGER_TABLE)["Table"]["LatestStreamArn"]
    return arn


def ledger_of(url: str, actors: Iterable[str]) -> LedgerTable:
    """As if the simulation had written it."""
    ledger = LedgerTable(lambda _account, _row: None)
    for account in map(_account, actors):
        entries: list[tuple[int, Row]] = []
        for item in _items(url, LEDGER_TABLE, account):
            if is_entry_sk(item["sk"]["S"]):
                row = Row(record_text(item), item["hash"]["S"])
                entries.append((int(item["entry_seq"]["N"]), row))
                ledger.rows.setdefault(account, {})[item["sk"]["S"].removeprefix("OP#")] = row
            else:
                _put_beside(ledger, account, item)
        ledger.journal[account] = [row for _, row in sorted(entries)]
    return ledger


def _put_beside(ledger: LedgerTable, account: Account, item: Any) -> None:
    """What is no entry. A new kind of item is a case here."""
    sk = item["sk"]["S"]
    if sk == BEGUN_SK:
        ledger.begun.add(account)
    elif sk == STATE_SK:
        ledger.states[account] = StateItem.from_raw_data(item).state_of(account)
    elif sk == POLICY_SK:
        ledger.policies[account] = PolicyItem.from_raw_data(item).value
    elif is_hold_sk(sk):
        ledger.holds[account, sk.removeprefix(hold_sk(""))] = HoldItem.from_raw_data(item).hold
    elif is_tally_sk(sk):
        ledger.tallies[account, sk.removeprefix(tally_sk(""))] = TallyItem.from_raw_data(item).tally
    else:
        raise ValueError(f"an item of no kind: {sk}")


def audit_of(url: str, actors: Iterable[str]) -> dict[Account, dict[int, AuditRow]]:
    return {
        account: {
            int(item["sk"]["S"].removeprefix("SEQ#")): AuditRow(
                record_text(item), item["hash"]["S"], item["event_id"]["S"]
            )
            for item in _items(url, AUDIT_TABLE, account)
        }
        for account in map(_account, actors)
    }


def _account(actor: str) -> Account:
    return Account(TENANT, actor)


def _definition(*attributes: str) -> dict[str, Any]:
    numbers = INDEXES.values()
    types = [{"AttributeName": name, "AttributeType": "N" if name in numbers else "S"} for name in attributes]
    return {"KeySchema": _keys("pk", "sk"), "AttributeDefinitions": types, "BillingMode": "PAY_PER_REQUEST"}


def _index(name: str, ordered_by: str) -> dict[str, Any]:
    return {"IndexName": name, "KeySchema": _keys("pk", ordered_by), "Projection": {"ProjectionType": "ALL"}}


def _keys(partition: str, order: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": order, "KeyType": "RANGE"}]


def _items(url: str, table: str, account: Account) -> Iterator[Any]:
    # By account, as DynamoDB Local looks through the whole table for every page of a scan.
    pages = (
        _client(url)
        .get_paginator("query")
        .paginate(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": account_pk(account)}},
            ConsistentRead=True,
        )
    )
    for page in pages:
        yield from page["Items"]


@lru_cache
def _client(url: str) -> Any:
    options: Any = {"endpoint_url": url, **CREDENTIALS}
    return boto3.client("dynamodb", **options)
