"""Reads the stream of a table as an event source mapping does: every shard, parents before their children."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

READ_AT_ONCE: Final = 1000


class Stream:
    """`is_wanted` is the filter of the template's event source mapping: by the name of the event and the item's sk."""

    def __init__(self, client: "DynamoDBStreamsClient", stream_arn: str, is_wanted: Callable[[str, str], bool]) -> None:
        self._client = client
        self._arn = stream_arn
        self._is_wanted = is_wanted
        self._iterators: dict[str, str] = {}
        self._read_through: dict[str, str] = {}
        self._finished: set[str] = set()

    def poll(self) -> list[dict[str, Any]]:
        """New records, in order, as Lambda shows them; empty where there is nothing new."""
        self._discover()
        return [record for shard in list(self._iterators) for record in self._read(shard)]

    def _discover(self) -> None:
        for shard in self._shards():
            shard_id, parent = shard["ShardId"], shard.get("ParentShardId")
            is_known = shard_id in self._iterators or shard_id in self._finished
            if not is_known and parent not in self._iterators:
                self._iterators[shard_id] = self._iterator(shard_id)

    def _iterator(self, shard_id: str) -> str:
        """After what was read last, or from the first on."""
        of_shard: Any = {"StreamArn": self._arn, "ShardId": shard_id, "ShardIteratorType": "TRIM_HORIZON"}
        if through := self._read_through.get(shard_id):
            of_shard |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": through}
        return self._client.get_shard_iterator(**of_shard)["ShardIterator"]

    def _shards(self) -> list[Any]:
        description = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]
        shards = description["Shards"]
        while last := description.get("LastEvaluatedShardId"):
            description = self._client.describe_stream(StreamArn=self._arn, ExclusiveStartShardId=last)[
                "StreamDescription"
            ]
            shards += description["Shards"]
        return shards

    def _read(self, shard_id: str) -> Iterator[dict[str, Any]]:
        try:
            answer = self._client.get_records(ShardIterator=self._iterators[shard_id], Limit=READ_AT_ONCE)
        except self._client.exceptions.TrimmedDataAccessException:
            # An iterator that DynamoDB Local gave before there was a record does not lead to the first.
            self._iterators[shard_id] = self._iterator(shard_id)
            return iter(())
        if answer["Records"]:
            self._read_through[shard_id] = answer["Records"][-1]["dynamodb"]["SequenceNumber"]
        if following := answer.get("NextShardIterator"):
            self._iterators[shard_id] = following
        else:
            del self._iterators[shard_id]
            self._finished.add(shard_id)
        return (_as_lambda_shows_it(record) for record in answer["Records"] if self._wants(record))

    def _wants(self, record: Any) -> bool:
        return self._is_wanted(record["eventName"], record["dynamodb"]["Keys"]["sk"]["S"])


def is_new_entry(event_name: str, sk: str) -> bool:
    return event_name == "INSERT" and sk.startswith("OP#")


def _as_lambda_shows_it(record: Any) -> dict[str, Any]:
    shown = dict(record["dynamodb"])
    shown["ApproximateCreationDateTime"] = shown["ApproximateCreationDateTime"].timestamp()
    plain: dict[str, Any] = json.loads(json.dumps({**record, "dynamodb": shown}, default=_base64))
    return plain


def _base64(binary: bytes) -> str:
    return base64.b64encode(binary).decode()
