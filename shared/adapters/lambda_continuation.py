"""Invokes a function again, asynchronously. Lambda retries it twice; then the request goes to the failure queue."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec
from botocore.config import Config

from shared.adapters.aws_session import shared_session

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


def lambda_client() -> "LambdaClient":
    client = shared_session().create_client("lambda", config=Config(connect_timeout=2, read_timeout=10))
    return cast("LambdaClient", client)


class LambdaContinuation:
    """Implements ports.Continuation."""

    def __init__(self, client: "LambdaClient") -> None:
        self._client = client

    def go_on(self, function: str, request: Mapping[str, Any]) -> None:
        self._client.invoke(FunctionName=function, InvocationType="Event", Payload=msgspec.json.encode(request))
