"""A transaction that costs moto less changes, refuses and puts back what it does in moto as it is."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from itertools import product
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.core import responses
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.responses import DynamoHandler
from moto.events.utils import EventTemplateParser

from tests.moto_calls import cheap_transactions, looked_up_once

REGION: Final = "eu-central-1"
TABLES: Final = {"sorted": ("pk", "sk"), "plain": ("pk",)}
"""By their names, the keys that they have."""
NAMES: Final = ("a", "b", "c")
CALLS: Final = ("put", "new", "update", "append", "delete", "check")

Write = tuple[str, str, str, int]
"""What is done, in which table, to which item, and the value that it is given or expected to have."""
writes: Final = st.tuples(
    st.sampled_from(CALLS), st.sampled_from(sorted(TABLES)), st.sampled_from(NAMES), st.integers(0, 1)
).map(tuple[str, str, str, int])
transactions: Final = st.lists(st.lists(writes, min_size=1, max_size=4), min_size=1, max_size=6)


@cache
def client() -> Any:
    """One for all: making one takes longer than a test."""
    return boto3.client("dynamodb", region_name=REGION)


@contextmanager
def tables() -> Iterator[Any]:
    with mock_aws():
        dynamodb = client()
        for table, keys in TABLES.items():
            dynamodb.create_table(
                TableName=table,
                KeySchema=[
                    {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                BillingMode="PAY_PER_REQUEST",
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
            )
        yield dynamodb


def part(write: Write) -> dict[str, Any]:
    call, table, name, value = write
    key = {each: {"S": name} for each in TABLES[table]}
    number = {":n": {"N": str(value)}}
    item = {**key, "n": number[":n"], "list": {"L": []}}
    match call:
        case "put":
            return {"Put": {"TableName": table, "Item": item}}
        case "new":
            return {"Put": {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}
        case "delete":
            return {"Delete": {"TableName": table, "Key": key}}
        case "check":
            condition = {"ConditionExpression": "n = :n", "ExpressionAttributeValues": number}
            return {"ConditionCheck": {"TableName": table, "Key": key, **condition}}
    change = "SET n = :n" if call == "update" else "SET #l = list_append(if_not_exists(#l, :none), :all)"
    names = {} if call == "update" else {"ExpressionAttributeNames": {"#l": "list"}}
    values = number if call == "update" else {":all": {"L": [number[":n"]]}, ":none": {"L": []}}
    return {
        "Update": {
            "TableName": table, "Key": key, "UpdateExpression": change, "ExpressionAttributeValues": values, **names
        }
    }  # fmt: skip


def contents(dynamodb: Any) -> dict[str, Any]:
    streams = {table: dynamodb_backends[ACCOUNT][REGION].tables[table].stream_shard for table in TABLES}
    return {
        table: (dynamodb.scan(TableName=table)["Items"], stream and [each.record["eventName"] for each in stream.items])
        for table, stream in streams.items()
    }


def told(dynamodb: Any, made: list[list[Write]]) -> list[Any]:
    """Of each transaction, its answer, and what is in the tables and in their streams afterwards."""
    found: list[Any] = []
    for each in made:
        answer: object = None
        try:
            dynamodb.transact_write_items(TransactItems=[part(write) for write in each])
        except ClientError as refused:
            answer = refused.response["Error"], refused.response.get("CancellationReasons")
        found.append((answer, contents(dynamodb)))
    return found


def outcome(how: Callable[[], AbstractContextManager[None]], made: list[list[Write]]) -> list[Any]:
    with how(), tables() as dynamodb:
        return told(dynamodb, made)


@pytest.mark.usefixtures("aws_credentials")
@settings(max_examples=60)
@given(transactions)
def test_transactions_that_cost_less_do_what_they_do_in_moto(made: list[list[Write]]) -> None:
    assert outcome(cheap_transactions, made) == outcome(nullcontext, made)


@pytest.mark.usefixtures("aws_credentials")
@pytest.mark.parametrize(("table", "change", "end"), list(product(TABLES, CALLS, ("check", "new"))))
def test_a_transaction_that_is_refused_at_its_end_leaves_everything_as_it_was(
    table: str, change: str, end: str
) -> None:
    with cheap_transactions(), tables() as dynamodb:
        dynamodb.transact_write_items(TransactItems=[part(("put", table, name, 1)) for name in NAMES])
        before = contents(dynamodb)
        refused = [part((change, table, "a", 1)), part((end, table, "b", 0))]
        with suppress(ClientError):
            dynamodb.transact_write_items(TransactItems=refused)
            pytest.fail("it was not refused")
        assert contents(dynamodb) == before


def test_what_is_looked_up_once_is_what_moto_finds() -> None:
    event: Any = {"detail": {"actor": "user:alice", "amount": 3}, "ingestion-time": "now"}
    paths = {"who": "$.detail.actor", "what": "$.detail.amount", "none": "$.detail.nothing"}
    template = '{"who": <who>, "what": <what>, "none": "<none>"}'.replace("<who>", '"<who>"')
    found = EventTemplateParser.parse(template, paths, event)
    with looked_up_once():
        again = [EventTemplateParser.parse(template, paths, event) for _ in range(2)]
        methods = [vars(responses)["method_names_from_class"](DynamoHandler) for _ in range(2)]
    assert again == [found, found] == [{"who": "user:alice", "what": 3, "none": "<none>"}] * 2
    assert methods == [method_names_from_class(DynamoHandler)] * 2
    assert methods[0] is methods[1]
