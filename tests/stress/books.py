"""The tables: made with a stream, and read back as they lie, past every proxy."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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
from tests.stress.names import ACTIVITY_TABLE, AUDIT_TABLE, LEDGER_TABLE, USAGE_TABLE
from tests.stress.oracle import TENANT

SUMS_OF_ACCOUNTS: Final = ("DAY#", "day#", "app#", "meter#", "model#", "member#")
NEW_IMAGES: Final = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
INDEXES: Final = {ENTRIES_BY_SEQ: "entry_seq", OPEN_HOLDS: "open_until"}


@dataclass(frozen=True)
class Streams:
    """The ARN of each."""

    ledger: str
    usage: str


def create_tables(url: str) -> Streams:
    """The tables as the template declares them."""
    client = _client(url)
    client.create_table(
        TableName=LEDGER_TABLE,
        **_definition("pk", "sk", *INDEXES.values()),
        GlobalSecondaryIndexes=[_index(name, ordered_by) for name, ordered_by in INDEXES.items()],
        StreamSpecification=NEW_IMAGES,
    )
    client.create_table(TableName=USAGE_TABLE, **_definition("pk", "sk"), StreamSpecification=NEW_IMAGES)
    for table in (AUDIT_TABLE, ACTIVITY_TABLE):
        client.create_table(TableName=table, **_definition("pk", "sk"))
    return Streams(_stream_of(client, LEDGER_TABLE), _stream_of(client, USAGE_TABLE))


def sums_of_accounts(url: str) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The items of the usage table that its stream delivers, by pk and sk. There are few, so a scan is not slow."""
    pages = _client(url).get_paginator("scan").paginate(TableName=USAGE_TABLE, ConsistentRead=True)
    items = (item for page in pages for item in page["Items"])
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in items if is_of_an_account(item["sk"]["S"])}


def is_of_an_account(sk: str) -> bool:
    """The filter of the event source mapping in the template: nothing but sums of accounts."""
    return sk.startswith(SUMS_OF_ACCOUNTS)


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


def _stream_of(client: Any, table: str) -> str:
    arn: str = client.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    return arn


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
