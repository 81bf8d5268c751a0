"""POST /v1/cost: Powertools' resolver, a pydantic body, boto3's table resource, `@idempotent_function`, PutEvents."""

import json
import os
from decimal import Decimal
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Attr
from pydantic import BaseModel, Field

logger = Logger(service="naive")
metrics = Metrics(namespace="Naive", service="naive")
app = APIGatewayHttpResolver()
table = boto3.resource("dynamodb").Table(os.environ["NAIVE_TABLE"])
events = boto3.client("events")
seen = DynamoDBPersistenceLayer(table_name=os.environ["NAIVE_KEYS_TABLE"])
config = IdempotencyConfig(event_key_jmespath="key")


class Cost(BaseModel):
    actor: str = Field(min_length=1, max_length=128)
    cost: Decimal = Field(ge=0)
    app: str | None = None
    meter: str | None = None
    metadata: dict[str, Any] | None = None


@app.post("/v1/cost")
def record_cost() -> Response[str]:
    cost = Cost.model_validate(app.current_event.json_body)
    key = app.current_event.headers["idempotency-key"]
    balance = charge(charged={"key": key, **cost.model_dump(mode="json")})
    metrics.add_metric(name="ChargeRecorded", unit=MetricUnit.Count, value=1)
    logger.info("charge recorded", extra={"actor": cost.actor, "key": key})
    return Response(201, "application/json", json.dumps(balance))


@idempotent_function(data_keyword_argument="charged", persistence_store=seen, config=config)  # type: ignore[untyped-decorator]
def charge(charged: dict[str, Any]) -> dict[str, Any]:
    cost = Decimal(charged["cost"])
    account = table.get_item(Key={"pk": charged["actor"]}, ConsistentRead=True).get("Item", {})
    if Decimal(str(account.get("available", 0))) < cost:
        raise ValueError("insufficient credits")
    after = table.update_item(
        Key={"pk": charged["actor"]},
        UpdateExpression="SET available = available - :cost, spent = spent + :cost",
        ConditionExpression=Attr("available").gte(cost),
        ExpressionAttributeValues={":cost": cost},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    events.put_events(Entries=[{"Source": "naive", "DetailType": "charge", "Detail": json.dumps(charged)}])
    return {name: str(after[name]) for name in ("available", "spent")}


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    config.register_lambda_context(context)
    return app.resolve(event, context)
