"""The tables: made with a stream, and read back as they lie, past every proxy."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import boto3

from local.dynamodb_local import CREDENTIALS
from shared.adapters.tables import ENTRIES_BY_SEQ
from tests.torture.oracle import Books, Row

LEDGER_TABLE: Final = "ledger"
AUDIT_TABLE: Final = "audit"
TENANT: Final = "main"

_PK: Final = re.compile(f"TENANT#{TENANT}#ACTOR#(.*)")
_NUMBERS: Final = ("available", "held", "funded", "spent", "seq")


def create_tables(url: str) -> str:
    """Both tables as the template declares them. Returns the ARN of the ledger's stream."""
    client = _client(url)
    client.create_table(
        TableName=LEDGER_TABLE,
        **_definition("pk", "sk", "entry_seq"),
        GlobalSecondaryIndexes=[{**_by_seq(), "Projection": {"ProjectionType": "ALL"}}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    client.create_table(TableName=AUDIT_TABLE, **_definition("pk", "sk"))
    arn: str = client.describe_table(TableName=LEDGER_TABLE)["Table"]["LatestStreamArn"]
    return arn


def entry_count(url: str) -> int:
    return sum(item["sk"]["S"].startswith("OP#") for item in _items(url, LEDGER_TABLE))


def books_of(url: str) -> dict[str, Books]:
    """By actor."""
    rows: dict[str, list[Row]] = defaultdict(list)
    states: dict[str, Mapping[str, Any]] = {}
    audited: dict[str, list[Row]] = defaultdict(list)
    for item in _items(url, LEDGER_TABLE):
        if item["sk"]["S"] == "STATE":
            states[_actor(item)] = _state(item)
        else:
            rows[_actor(item)].append(_row(item))
    for item in _items(url, AUDIT_TABLE):
        audited[_actor(item)].append(_row(item))
    actors = rows.keys() | states.keys() | audited.keys()
    return {actor: Books(rows[actor], states.get(actor, {}), audited[actor]) for actor in sorted(actors)}


def _definition(*attributes: str) -> dict[str, Any]:
    types = [{"AttributeName": name, "AttributeType": "N" if name == "entry_seq" else "S"} for name in attributes]
    return {"KeySchema": _keys("pk", "sk"), "AttributeDefinitions": types, "BillingMode": "PAY_PER_REQUEST"}


def _by_seq() -> dict[str, Any]:
    return {"IndexName": ENTRIES_BY_SEQ, "KeySchema": _keys("pk", "entry_seq")}


def _keys(partition: str, order: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": order, "KeyType": "RANGE"}]


def _items(url: str, table: str) -> Iterator[Mapping[str, Any]]:
    for page in _client(url).get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _client(url: str) -> Any:
    options: Any = {"endpoint_url": url, **CREDENTIALS}
    return boto3.client("dynamodb", **options)


def _actor(item: Mapping[str, Any]) -> str:
    found = _PK.fullmatch(item["pk"]["S"])
    return found.group(1) if found else item["pk"]["S"]


def _row(item: Mapping[str, Any]) -> Row:
    return Row(item["sk"]["S"], item["record"]["S"], item["hash"]["S"])


def _state(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: int(item[name]["N"]) for name in _NUMBERS} | {"head_hash": item["head_hash"]["S"]}
