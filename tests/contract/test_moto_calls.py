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

from tests.moto_calls import cheap_transactions, looked_up_once, plain_values

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

texts: Final = st.text(max_size=3)
numbers: Final = st.integers(-9, 9).map(str)
binaries: Final = st.binary(min_size=1, max_size=4)
kinds: Final = [
    texts.map(lambda text: {"S": text}),
    numbers.map(lambda number: {"N": number}),
    binaries.map(lambda binary: {"B": binary}),
    st.booleans().map(lambda flag: {"BOOL": flag}),
    st.just({"NULL": True}),
    st.sets(st.text(min_size=1, max_size=3), min_size=1, max_size=3).map(lambda members: {"SS": sorted(members)}),
    st.sets(numbers, min_size=1, max_size=3).map(lambda members: {"NS": sorted(members)}),
    st.sets(binaries, min_size=1, max_size=3).map(lambda members: {"BS": sorted(members)}),
]
values: Final = st.recursive(
    st.one_of(*kinds),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda members: {"L": members})
        | st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3).map(lambda members: {"M": members})
    ),
    max_leaves=6,
)


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


def kept_and_given_back(dynamodb: Any, value: dict[str, Any]) -> list[Any]:
    """A value on every way into moto and out of it."""
    key = {each: {"S": "a"} for each in TABLES["sorted"]}
    item = {**key, "value": value}
    refused = {
        "TableName": "sorted",
        "Item": item,
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    dynamodb.put_item(TableName="sorted", Item=item)
    with pytest.raises(ClientError) as caught:
        dynamodb.transact_write_items(TransactItems=[{"Put": refused}])
    return [
        caught.value.response["CancellationReasons"],
        dynamodb.get_item(TableName="sorted", Key=key)["Item"],
        dynamodb.transact_get_items(TransactItems=[{"Get": {"TableName": "sorted", "Key": key}}])["Responses"],
        dynamodb.query(
            TableName="sorted",
            KeyConditionExpression="pk = :pk",
            FilterExpression="#v = :v",
            ExpressionAttributeNames={"#v": "value"},
            ExpressionAttributeValues={":pk": key["pk"], ":v": value},
        )["Items"],
    ]


@pytest.mark.usefixtures("aws_credentials")
def test_values_that_are_read_and_written_plainly_are_those_of_moto() -> None:
    with tables() as dynamodb:

        @settings(max_examples=60)
        @given(values)
        def same(value: dict[str, Any]) -> None:
            expected = kept_and_given_back(dynamodb, value)
            with plain_values():
                assert kept_and_given_back(dynamodb, value) == expected

        same()
