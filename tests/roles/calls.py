"""What a role has to allow for a call of an SDK: the actions, the resources and the keys that IAM asks it about."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tests.template.resolved import ACCOUNT, REGION

Parameters: TypeAlias = Mapping[str, Any]
Names: TypeAlias = Mapping[str, str]
"""From what a resource is called in the tests to what it is called in the template."""

PARTITION_KEY: Final = "pk"
PARTITION_KEY_OF_INDEX: Final = {"accounts": "listed_in"}
"""Of an index that has another than the table."""
OF_A_TRANSACTION: Final = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
"""IAM knows no transactions: it asks about each of their parts."""
KEYED: Final = frozenset({"GetItem", "PutItem", "UpdateItem", "DeleteItem"})


@dataclass(frozen=True, slots=True)
class Need:
    """An action on a resource. `leading_key` is the partition that is named, None where the request names none."""

    action: str
    resource: str
    leading_key: str | None = None


def needs_of(service: str, operation: str, parameters: Parameters, names: Names) -> list[Need]:
    """Raises AssertionError where nobody has said yet what the call needs."""
    if (service, operation) not in _KNOWN:
        raise AssertionError(f"say in {__name__} what {service}:{operation} asks a role about")
    return list(_KNOWN[service, operation](operation, parameters, names))


def needs_to_miss(bucket: str, names: Names) -> Need:
    """Without it an object that is missing is answered as one that may not be read."""
    return Need("s3:ListBucket", f"arn:aws:s3:::{names.get(bucket, bucket)}")


def _arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


def _table(parameters: Parameters, names: Names) -> str:
    return _arn("dynamodb", f"table/{names.get(parameters['TableName'], parameters['TableName'])}")


def _item(operation: str, parameters: Parameters, names: Names) -> Iterator[Need]:
    key = parameters.get("Key") or parameters["Item"]
    yield Need(f"dynamodb:{operation}", _table(parameters, names), key[PARTITION_KEY]["S"])


def _transaction(_: str, parameters: Parameters, names: Names) -> Iterator[Need]:
    for part in parameters["TransactItems"]:
        for kind, of_part in part.items():
            yield from _item(OF_A_TRANSACTION[kind], of_part, names)


def _batch(operation: str, parameters: Parameters, names: Names) -> Iterator[Need]:
    for table, asked in parameters["RequestItems"].items():
        where = _table({"TableName": table}, names)
        yield from (Need(f"dynamodb:{operation}", where, key[PARTITION_KEY]["S"]) for key in asked["Keys"])


def _listing(operation: str, parameters: Parameters, names: Names) -> Iterator[Need]:
    index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
    where = f"{_table(parameters, names)}{index}"
    yield Need(f"dynamodb:{operation}", where, _partition(parameters) if operation == "Query" else None)


def _partition(parameters: Parameters) -> str:
    """The value that a key condition such as `#0 = :0 AND begins_with (#1, :1)` asks of the partition key."""
    key = PARTITION_KEY_OF_INDEX.get(parameters.get("IndexName", ""), PARTITION_KEY)
    placeholders = parameters.get("ExpressionAttributeNames", {})
    for name, value in re.findall(r"([#\w]+) = (:\w+)", parameters["KeyConditionExpression"]):
        if placeholders.get(name, name) == key:
            return str(parameters["ExpressionAttributeValues"][value]["S"])
    raise AssertionError(f"no partition is named in {parameters['KeyConditionExpression']}")


def _events(_: str, parameters: Parameters, names: Names) -> Iterator[Need]:
    for bus in {entry.get("EventBusName", "default") for entry in parameters["Entries"]}:
        yield Need("events:PutEvents", _arn("events", f"event-bus/{names.get(bus, bus)}"))


def _queue(operation: str, parameters: Parameters, names: Names) -> Iterator[Need]:
    url = names.get(parameters["QueueUrl"], parameters["QueueUrl"])
    yield Need(f"sqs:{operation}", _arn("sqs", url.rpartition("/")[2]))


def _object(operation: str, parameters: Parameters, names: Names) -> Iterator[Need]:
    action = "GetObjectVersion" if operation == "GetObject" and "VersionId" in parameters else operation
    bucket = names.get(parameters["Bucket"], parameters["Bucket"])
    yield Need(f"s3:{action}", f"arn:aws:s3:::{bucket}/{parameters['Key']}")


def _objects(_: str, parameters: Parameters, names: Names) -> Iterator[Need]:
    bucket = names.get(parameters["Bucket"], parameters["Bucket"])
    for each in parameters["Delete"]["Objects"]:
        yield Need("s3:DeleteObject", f"arn:aws:s3:::{bucket}/{each['Key']}")


def _versions(_: str, parameters: Parameters, names: Names) -> Iterator[Need]:
    yield Need("s3:ListBucketVersions", f"arn:aws:s3:::{names.get(parameters['Bucket'], parameters['Bucket'])}")


def _names(_: str, parameters: Parameters, names: Names) -> Iterator[Need]:
    yield Need("s3:ListBucket", f"arn:aws:s3:::{names.get(parameters['Bucket'], parameters['Bucket'])}")


def _key(operation: str, parameters: Parameters, names: Names) -> Iterator[Need]:
    key = names.get(parameters["KeyId"], parameters["KeyId"])
    yield Need(f"kms:{operation}", key if key.startswith("arn:") else _arn("kms", f"key/{key}"))


def _invocation(_: str, parameters: Parameters, names: Names) -> Iterator[Need]:
    function = names.get(parameters["FunctionName"], parameters["FunctionName"])
    yield Need("lambda:InvokeFunction", _arn("lambda", f"function:{function}"))


_KNOWN: Final[Mapping[tuple[str, str], Callable[[str, Parameters, Names], Iterator[Need]]]] = {
    **{("dynamodb", operation): _item for operation in KEYED},
    ("dynamodb", "TransactWriteItems"): _transaction,
    ("dynamodb", "TransactGetItems"): _transaction,
    ("dynamodb", "BatchGetItem"): _batch,
    ("dynamodb", "Query"): _listing,
    ("dynamodb", "Scan"): _listing,
    ("events", "PutEvents"): _events,
    **{("sqs", operation): _queue for operation in ("SendMessage", "GetQueueAttributes")},
    ("s3", "GetObject"): _object,
    ("s3", "PutObject"): _object,
    ("s3", "DeleteObjects"): _objects,
    ("s3", "ListObjectsV2"): _names,
    ("s3", "ListObjectVersions"): _versions,
    **{("kms", operation): _key for operation in ("Sign", "Verify", "GetPublicKey")},
    ("lambda", "Invoke"): _invocation,
}
