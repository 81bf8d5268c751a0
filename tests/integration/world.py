"""The stack around the functions, in process: tables, bus and queues on moto, and a caller."""

import base64
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import ModuleType
from typing import Any, Final
from uuid import uuid4

import boto3

from tests.console_settings import CONSOLE_SETTINGS
from tests.roles.enforcement import Enforcement

REGION: Final = "eu-central-1"
LEDGER_TABLE: Final = "ledger"
AUDIT_TABLE: Final = "audit"
USAGE_TABLE: Final = "usage"
ACTIVITY_TABLE: Final = "activity"
BUS: Final = "millicent"
TAP_QUEUE: Final = "tap"
SPENDING: Final = ("credit.record-cost", "credit.capture", "credit.refund")
"""Events that the rule of the usage queue takes."""
FAILURE_QUEUE: Final = "failures"
DIGEST_BUCKET: Final = "digests"
SIGNING_KEY: Final = "alias/digests"
BOARDS_BUCKET: Final = "boards"
FAILURE_QUEUES: Final = (
    "millicent-outbox-failures",
    "millicent-rule-failures",
    "millicent-audit-failures",
    "millicent-usage-failures",
    "millicent-ingest-failures.fifo",
    "millicent-schedule-failures",
)
"""Those that the alerts of a tenant look at, by their names in the template."""


def failure_queue_url(name: str) -> str:
    return f"https://sqs.{REGION}.amazonaws.com/123456789012/{name}"


FAILURE_QUEUE_URL: Final = failure_queue_url(FAILURE_QUEUE)
ENVIRONMENT: Final[Mapping[str, str]] = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "LEDGER_TABLE": LEDGER_TABLE,
    "AUDIT_TABLE": AUDIT_TABLE,
    "USAGE_TABLE": USAGE_TABLE,
    "ACTIVITY_TABLE": ACTIVITY_TABLE,
    "ACTIVITY_DAYS": "14",
    "EVENT_BUS": BUS,
    "FAILURE_QUEUE_URL": FAILURE_QUEUE_URL,
    "FAILURE_QUEUE_URLS": ",".join(map(failure_queue_url, FAILURE_QUEUES)),
    "CHECK_EVENTS": "all",
    "AUDIT_GRACE_S": "900",
    "MAX_USAGE_AGE_DAYS": "35",
    "DIGEST_BUCKET": DIGEST_BUCKET,
    "SIGNING_KEY": SIGNING_KEY,
    "BOARDS_BUCKET": BOARDS_BUCKET,
    "TENANT_SHARDS": "4",
    "LEDGER_DEADLINE_MS": "5000",
    "TENANT_CLAIM": "custom:tenant",
    "DEFAULT_TENANT": "main",
    "OPERATOR_CLAIM": "cognito:groups",
    "OPERATOR_VALUE": "millicent-operators",
    "CONSOLE_CLIENT": "console",
    "INGEST_TENANT": "default",
    "BUILD": "",
    **CONSOLE_SETTINGS,
    "STAGE": "test",
    "POWERTOOLS_SERVICE_NAME": "millicent",
    "POWERTOOLS_METRICS_NAMESPACE": "Millicent",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}

INDEXES: Final = {"entries-by-seq": "entry_seq", "open-holds": "open_until"}
LISTED_IN: Final = "listed_in"
FUNCTIONS: Final = (
    "check",
    "cost",
    "funding",
    "holds",
    "ingest",
    "policies",
    "rates",
    "accounts",
    "history",
    "docs",
    "outbox",
    "audit",
    "usage",
    "reconcile",
    "digest",
    "due",
    "proof",
    "console",
    "boards",
    "tenant",
)
FUNCTION_OF: Final = {
    "refunds": "cost",
    "digests": "proof",
    "grants": "funding",
    "operations": "history",
    "activity": "tenant",
    "alerts": "tenant",
}
"""Where the path does not name it."""
ALL_SCOPES: Final = "credits/read credits/charge credits/fund"
SERVICE: Final[Mapping[str, Any]] = {"sub": "billing", "client_id": "billing", "scope": ALL_SCOPES}


@dataclass(frozen=True)
class Context:
    """What Lambda tells a handler about its invocation."""

    function_name: str
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:123456789012:function:millicent"
    aws_request_id: str = "8a7f1d3e-0000-4000-8000-000000000000"
    remaining_ms: int = 900_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@lru_cache
def client(service: str) -> Any:
    """One client each: making one takes longer than most tests."""
    return boto3.Session(region_name=REGION).client(service)  # type: ignore[call-overload]


def handlers() -> dict[str, ModuleType]:
    return {name: importlib.import_module(f"functions.{name}.handler") for name in FUNCTIONS}


FIFO: Final = {"FifoQueue": "true", "DeduplicationScope": "messageGroup"}


def create_resources() -> None:
    """The tables, the bus and the bucket as template.yaml declares them, and a queue that receives all of the bus."""
    _create_tables()
    events, sqs = client("events"), client("sqs")
    for queue in (FAILURE_QUEUE, *FAILURE_QUEUES):
        sqs.create_queue(QueueName=queue, Attributes=FIFO if queue.endswith(".fifo") else {})
    tap_url = sqs.create_queue(QueueName=TAP_QUEUE)["QueueUrl"]
    tap_arn = sqs.get_queue_attributes(QueueUrl=tap_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name=BUS)
    pattern = json.dumps({"source": ["millicent"], "detail-type": [{"prefix": "credit."}, "ledger.digest"]})
    events.put_rule(Name="audit", EventBusName=BUS, EventPattern=pattern)
    where: Any = {"LocationConstraint": REGION}
    client("s3").create_bucket(Bucket=DIGEST_BUCKET, CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
    client("s3").create_bucket(Bucket=BOARDS_BUCKET, CreateBucketConfiguration=where)
    events.put_targets(Rule="audit", EventBusName=BUS, Targets=[{"Id": "audit", "Arn": tap_arn}])


def create_digests() -> None:
    """The key of the digests, shorter than ours. Making one takes longer than most tests, so not all worlds have it."""
    kms = client("kms")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=SIGNING_KEY, TargetKeyId=key)


def _create_tables() -> None:
    dynamodb = client("dynamodb")
    keys: Any = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    texts: Any = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    listing: Any = [{"AttributeName": LISTED_IN, "KeyType": "HASH"}, {"AttributeName": "pk", "KeyType": "RANGE"}]
    dynamodb.create_table(
        TableName=LEDGER_TABLE,
        KeySchema=keys,
        AttributeDefinitions=[
            *texts,
            {"AttributeName": LISTED_IN, "AttributeType": "S"},
            *({"AttributeName": name, "AttributeType": "N"} for name in INDEXES.values()),
        ],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            {"IndexName": "accounts", "KeySchema": listing, "Projection": {"ProjectionType": "KEYS_ONLY"}},
            *(
                {
                    "IndexName": index,
                    "KeySchema": [
                        {"AttributeName": "pk", "KeyType": "HASH"},
                        {"AttributeName": ordered_by, "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
                for index, ordered_by in INDEXES.items()
            ),
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    for table in (AUDIT_TABLE, USAGE_TABLE, ACTIVITY_TABLE):
        dynamodb.create_table(
            TableName=table, KeySchema=keys, AttributeDefinitions=texts, BillingMode="PAY_PER_REQUEST"
        )


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. Numbers of the body are int or Decimal, so that a test sees what was written."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.text, parse_float=Decimal)
        return body

    @property
    def code(self) -> str:
        return str(self.body["code"])

    @property
    def errors(self) -> dict[str, str]:
        return {error["path"]: error["detail"] for error in self.body["errors"]}


class World:
    """Calls the functions the way the gateway, the stream and the queue do."""

    def __init__(self, modules: Mapping[str, ModuleType], roles: Enforcement) -> None:
        self.modules = modules
        self.roles = roles

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """Under the function's role: a call that template.yaml does not allow it is refused, and fails the test."""
        with self.roles.acting_as(function.capitalize()):
            return self.modules[function].lambda_handler(dict(event), Context(f"millicent-{function}"))

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        text: str | None = None,
        key: str | None = None,
        claims: Mapping[str, Any] | None = SERVICE,
        query: Mapping[str, str] | None = None,
        as_base64: bool = False,
        accept: str | None = None,
    ) -> Answer:
        """One HTTP request. `text` is a body as it is, `body` one to be written as JSON."""
        text = json.dumps(body) if text is None and body is not None else text
        event = http_event(method, path, text, key=key, claims=claims, query=query, as_base64=as_base64)
        if accept is not None:
            event["headers"]["accept"] = accept
        answer = self.invoke(function_of(method, path), event)
        return Answer(answer["statusCode"], answer["headers"], answer["body"])

    def check(self, body: object, **how: Any) -> Answer:
        return self.call("POST", "/v1/check", body, **how)

    def cost(self, body: object, key: str | None = None, **how: Any) -> Answer:
        return self.call("POST", "/v1/cost", body, key=key or new_key(), **how)

    def fund(self, body: object, key: str | None = None, **how: Any) -> Answer:
        return self.call("POST", "/v1/funding", body, key=key or new_key(), **how)

    def hold(self, body: object, key: str | None = None, **how: Any) -> Answer:
        return self.call("POST", "/v1/holds", body, key=key or new_key(), **how)

    def change_hold(self, hold: str, how_it_changes: str, body: object, key: str | None = None, **how: Any) -> Answer:
        """`how_it_changes` is capture, release or extend."""
        return self.call("POST", f"/v1/holds/{hold}/{how_it_changes}", body, key=key or new_key(), **how)

    def refund(self, body: object, key: str | None = None, **how: Any) -> Answer:
        return self.call("POST", "/v1/refunds", body, key=key or new_key(), **how)

    def void(self, grant: str, body: object, key: str | None = None, **how: Any) -> Answer:
        return self.call("POST", f"/v1/grants/{grant}/void", body, key=key or new_key(), **how)

    def configure(self, actor: str, body: object, key: str | None = None, **how: Any) -> Answer:
        return self.call("PATCH", f"/v1/accounts/{actor}", body, key=key or new_key(), **how)

    def limit(self, actor: str, limits: object, key: str | None = None, **how: Any) -> Answer:
        return self.call("PUT", f"/v1/accounts/{actor}/limits", {"limits": limits}, key=key or new_key(), **how)

    def allow(self, actor: str, body: object, key: str | None = None, **how: Any) -> Answer:
        """Sets the allowance; ends it where `body` is None."""
        method = "DELETE" if body is None else "PUT"
        return self.call(method, f"/v1/accounts/{actor}/allowance", body, key=key or new_key(), **how)

    def batch(self, charges: object, **how: Any) -> Answer:
        return self.call("POST", "/v1/cost/batch", {"charges": charges}, **how)

    def get(self, path: str, **how: Any) -> Answer:
        return self.call("GET", path, **how)

    def contents(self) -> dict[str, list[Any]]:
        """Every row of both tables, to show that nothing changed."""
        dynamodb = client("dynamodb")
        tables = {table: dynamodb.scan(TableName=table)["Items"] for table in (LEDGER_TABLE, AUDIT_TABLE)}
        return {table: sorted(rows, key=repr) for table, rows in tables.items()}

    def stream_event(self) -> dict[str, Any]:
        """What the stream hands to the outbox for everything written so far: entries and, between them, states."""
        rows = client("dynamodb").scan(TableName=LEDGER_TABLE)["Items"]
        rows.sort(key=lambda row: int(row.get("entry_seq", {"N": "0"})["N"]))
        return {"Records": [stream_record(number, _jsonable(row)) for number, row in enumerate(rows, start=100)]}

    def queue_event(self, queue: str = TAP_QUEUE) -> dict[str, Any]:
        """Takes everything from a queue, as the queue's function gets it."""
        sqs = client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        records: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            records += [{"messageId": each["MessageId"], "body": each["Body"]} for each in messages]
            for each in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return {"Records": records}

    def bus_events(self) -> list[dict[str, Any]]:
        return [json.loads(record["body"], parse_float=Decimal) for record in self.queue_event()["Records"]]

    def settle(self) -> None:
        """Lets everything written reach the audit table."""
        self.invoke("outbox", self.stream_event())
        self.invoke("audit", self.queue_event())

    def count_usage(self) -> Any:
        """Lets everything spent be counted."""
        self.invoke("outbox", self.stream_event())
        events = self.queue_event()["Records"]
        return self.invoke("usage", {"Records": [each for each in events if is_spending(each)]})

    def usage_stream_event(self) -> dict[str, Any]:
        """What the stream hands to the boards for everything counted so far."""
        rows = [row for row in client("dynamodb").scan(TableName=USAGE_TABLE)["Items"] if has_sums(row["sk"]["S"])]
        return {"Records": [stream_record(number, row, "MODIFY") for number, row in enumerate(rows, start=100)]}

    def count_boards(self) -> Any:
        """Lets everything spent be counted, for the tenants too."""
        self.count_usage()
        return self.invoke("boards", self.usage_stream_event())


def is_spending(record: Mapping[str, Any]) -> bool:
    return json.loads(record["body"])["detail-type"] in SPENDING


def has_sums(sk: str) -> bool:
    """The filter of the boards' stream mapping."""
    return sk.startswith(("DAY#", "day#", "app#", "meter#", "model#", "member#"))


def stream_record(number: int, image: Mapping[str, Any], event_name: str = "INSERT") -> dict[str, Any]:
    return {
        "eventID": f"{number:032x}",
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": 1763900000,
            "Keys": {"pk": image["pk"], "sk": image["sk"]},
            "NewImage": dict(image),
            "SequenceNumber": str(number),
            "SizeBytes": 1000,
            "StreamViewType": "NEW_IMAGE",
        },
    }


def _jsonable(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as Lambda shows it: binary attributes as base64."""
    plain: dict[str, Any] = json.loads(json.dumps(row, default=lambda binary: base64.b64encode(binary).decode()))
    return plain


def function_of(method: str, path: str) -> str:
    if not path.startswith("/v1/"):
        return "console" if path.startswith("/console") else "docs"
    if path.startswith("/v1/accounts/") and method in {"PATCH", "PUT", "DELETE"}:
        return "policies"
    name = path.split("/")[2]
    if path == "/v1/usage":
        return "tenant"
    if path.endswith("/proof"):
        return "proof"
    if path.endswith(("/entries", "/audit", "/usage")):
        return "history"
    return FUNCTION_OF.get(name, name if name in FUNCTIONS else "accounts")


def new_key() -> str:
    return str(uuid4())


def http_event(
    method: str,
    path: str,
    text: str | None,
    *,
    key: str | None,
    claims: Mapping[str, Any] | None,
    query: Mapping[str, str] | None,
    as_base64: bool,
) -> dict[str, Any]:
    """Payload format 2.0, as the gateway sends it once it has verified the token."""
    headers = {"content-type": "application/json"} | ({} if key is None else {"idempotency-key": key})
    authorizer = {} if claims is None else {"authorizer": {"jwt": {"claims": dict(claims), "scopes": None}}}
    event = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "requestId": f"request-{uuid4()}",
            "stage": "$default",
            "http": {"method": method, "path": path, "sourceIp": "127.0.0.1", "userAgent": "test"},
            **authorizer,
        },
        "isBase64Encoded": as_base64,
    }
    if query is not None:
        event["queryStringParameters"] = dict(query)
    if text is not None:
        event["body"] = base64.b64encode(text.encode()).decode() if as_base64 else text
    return event
