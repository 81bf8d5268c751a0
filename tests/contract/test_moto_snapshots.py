"""What is put into moto as a copy is what its API made, and no copy has anything of another."""

from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.dynamodb.models import dynamodb_backends

from tests.integration.world import (
    AUDIT_TABLE,
    BOARDS_BUCKET,
    BUS,
    DIGEST_BUCKET,
    FAILURE_QUEUES,
    LEDGER_TABLE,
    REGION,
    TAP_QUEUE,
    client,
    create_resources,
    failure_queue_url,
)
from tests.moto_calls import mocked_aws
from tests.moto_snapshots import Standing

pytestmark = pytest.mark.usefixtures("aws_credentials")

ROW = {"pk": {"S": "a"}, "sk": {"S": "b"}}
URLS = (failure_queue_url(TAP_QUEUE), *map(failure_queue_url, FAILURE_QUEUES))


def told() -> dict[str, Any]:
    """All that the calls of AWS say of the resources, and of what is in them."""
    dynamodb, sqs, events, s3 = (client(service) for service in ("dynamodb", "sqs", "events", "s3"))
    tables = dynamodb.list_tables()["TableNames"]
    buckets = [each["Name"] for each in s3.list_buckets()["Buckets"]]
    found = {
        "tables": [dynamodb.describe_table(TableName=table)["Table"] for table in tables],
        "rows": [dynamodb.scan(TableName=table)["Items"] for table in tables],
        "lives": [dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"] for table in tables],
        "queues": [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for url in URLS],
        "buses": events.list_event_buses()["EventBuses"],
        "rules": events.list_rules(EventBusName=BUS)["Rules"],
        "targets": events.list_targets_by_rule(Rule="audit", EventBusName=BUS)["Targets"],
        "locks": s3.get_object_lock_configuration(Bucket=DIGEST_BUCKET)["ObjectLockConfiguration"],
        "objects": [s3.list_objects_v2(Bucket=bucket)["KeyCount"] for bucket in buckets],
        "where": [s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] for bucket in buckets],
        "buckets": buckets,
    }
    assert len(tables) == 4
    assert len(buckets) == 2
    return found


def change_all() -> None:
    dynamodb = client("dynamodb")
    dynamodb.put_item(TableName=LEDGER_TABLE, Item=ROW)
    lives = {"Enabled": True, "AttributeName": "expires"}
    dynamodb.update_time_to_live(TableName=LEDGER_TABLE, TimeToLiveSpecification=lives)
    dynamodb.delete_table(TableName=AUDIT_TABLE)
    event = {"Source": "millicent", "DetailType": "credit.grant", "Detail": "{}", "EventBusName": BUS}
    assert client("events").put_events(Entries=[event])["FailedEntryCount"] == 0
    for bucket in (BOARDS_BUCKET, DIGEST_BUCKET):
        client("s3").put_object(Bucket=bucket, Key="key", Body=b"body")


def received() -> list[Any]:
    messages: list[Any] = client("sqs").receive_message(QueueUrl=URLS[0]).get("Messages", [])
    return [each["Body"] for each in messages]


def test_what_is_put_back_is_what_was_made_whatever_became_of_it() -> None:
    standing = Standing(create_resources)
    with mocked_aws():
        standing.put()
        made = told()
        change_all()
        assert len(received()) == 1
    for _ in range(2):
        with mocked_aws():
            standing.put()
            assert told() == made
            assert received() == []
            change_all()
            assert len(received()) == 1


def test_a_table_that_was_put_back_feeds_its_own_stream() -> None:
    standing = Standing(create_resources)
    for _ in range(2):
        with mocked_aws():
            standing.put()
            client("dynamodb").put_item(TableName=LEDGER_TABLE, Item=ROW)
            table = dynamodb_backends[ACCOUNT][REGION].tables[LEDGER_TABLE]
            assert table.stream_shard is not None
            assert table.stream_shard.table is table
            assert len(table.stream_shard.items) == 1


def test_nothing_is_put_where_something_stands() -> None:
    with mocked_aws():
        Standing(create_resources).put()
        with pytest.raises(AssertionError, match="moto is not empty"):
            Standing(create_resources).put()
