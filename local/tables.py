"""Reads the tables of the laptop cloud completely, as the deployer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from local.aws import Aws
from local.deploy import Stack
from shared.adapters.keys import account_of, entry_sk, is_audit_entry_sk, is_entry_sk
from shared.adapters.usage_items import UsageItem, counted_through

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SK_OF_ENTRY = entry_sk("")

Item = Mapping[str, Any]


class Tables:
    def __init__(self, aws: Aws, stack: Stack) -> None:
        self._dynamodb: DynamoDBClient = aws.session.client("dynamodb", endpoint_url=aws.url)
        self._ledger = stack.outputs["LedgerTableName"]
        self._audit = stack.outputs["AuditTableName"]
        self._usage = stack.outputs["UsageTableName"]

    def outcomes(self) -> dict[tuple[str, str], str]:
        """The outcome of every entry, by actor and key."""
        return {
            (_actor(item), item["sk"]["S"].removeprefix(SK_OF_ENTRY)): item["outcome"]["S"]
            for item in self.ledger_items()
            if is_entry_sk(item["sk"]["S"])
        }

    def ledger_items(self) -> Iterator[Item]:
        return self._scan(self._ledger)

    def audit_items(self) -> Iterator[Item]:
        return (item for item in self._scan(self._audit) if is_audit_entry_sk(item["sk"]["S"]))

    def counted_through(self) -> dict[str, int]:
        """Up to which seq usage was counted, by the partition key of the account."""
        by_account = defaultdict[str, list[UsageItem]](list)
        for item in self._scan(self._usage):
            by_account[item["pk"]["S"]].append(UsageItem.from_raw_data(dict(item)))
        return {pk: counted_through(items) for pk, items in by_account.items()}

    def _scan(self, table: str) -> Iterator[Item]:
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]


def _actor(item: Item) -> str:
    account = account_of(item["pk"]["S"])
    if account is None:
        raise ValueError(f"no account has the partition key {item['pk']['S']!r}")
    return account.actor
