"""The deployed stack, for its operators: its outputs, functions and queues.

It needs boto3, which the extra `aws` installs, and AWS credentials from the usual places. The stack is the named one,
or that of MILLICENT_STACK, or that of the nearest `.millicent/aws.json`, which the laptop cloud writes.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from millicent.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from boto3 import Session

STACK_VARIABLE: Final = "MILLICENT_STACK"
ACCESS_FILE: Final = Path(".millicent", "aws.json")

_LONGEST_CALL_S: Final = 910
"""A function runs for 15 minutes at most."""

Service: TypeAlias = Literal[
    "cloudformation", "cloudwatch", "cognito-idp", "dynamodb", "dynamodbstreams", "kms", "lambda", "sns", "sqs", "sts"
]


class AwsFailed(Unavailable):
    """A call to AWS, or a function of the stack, failed."""


class Access(msgspec.Struct, frozen=True):
    """`.millicent/aws.json`."""

    endpoint_url: str
    region: str
    stack: str
    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True)
class Stack:
    """A deployed stack. Every call raises AwsFailed if AWS rejects it or does not answer."""

    name: str
    session: "Session"
    endpoint_url: str | None = None
    clients: dict[Service, Any] = field(default_factory=dict)

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        with _told():
            (described,) = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def output(self, name: str) -> str:
        """Raises ConfigurationError if the stack has no such output: it is another stack, or an older release."""
        try:
            return self.outputs[name]
        except KeyError as missing:
            raise ConfigurationError(
                f"the stack {self.name} has no output {name}: is it one of Millicent's?"
            ) from missing

    def client(self, service: Service) -> Any:  # noqa: ANN401 - a client of boto3 has no static type
        from botocore.config import Config  # noqa: PLC0415 - an extra

        if service not in self.clients:
            config = Config(read_timeout=_LONGEST_CALL_S, retries={"total_max_attempts": 3, "mode": "standard"})
            self.clients[service] = self.session.client(service, endpoint_url=self.endpoint_url, config=config)
        return self.clients[service]

    def call(self, service: Service, operation: str, **arguments: Any) -> Any:  # noqa: ANN401
        with _told():
            return getattr(self.client(service), operation)(**arguments)

    def invoke(self, function: str, request: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """The function's answer. Raises AwsFailed if the function fails."""
        answer = self.call("lambda", "invoke", FunctionName=function, Payload=json.dumps(request).encode())
        content = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            raise AwsFailed(f"the function {function} failed: {_why(content)}")
        return content

    def start(self, function: str, request: Mapping[str, Any]) -> None:
        """Invokes the function asynchronously; Lambda makes up to three attempts."""
        payload = json.dumps(request).encode()
        self.call("lambda", "invoke", FunctionName=function, InvocationType="Event", Payload=payload)


def find_stack(
    name: str | None = None,
    environ: Mapping[str, str] = os.environ,
    start: Path | None = None,
    *,
    region: str | None = None,
    profile: str | None = None,
) -> Stack:
    """Finds the stack. `region` and `profile` apply to a stack that is named, here or in the environment.

    Raises ConfigurationError if boto3 is not installed, no stack is configured, or the profile does not exist.
    """
    try:
        from boto3 import Session  # noqa: PLC0415 - an extra
        from botocore.exceptions import ProfileNotFound  # noqa: PLC0415
    except ImportError as missing:
        raise ConfigurationError('this needs boto3: pip install "./sdk[aws]", in the repository') from missing
    if named := name or environ.get(STACK_VARIABLE):
        try:
            return Stack(named, Session(region_name=region, profile_name=profile))
        except ProfileNotFound as unknown:
            raise ConfigurationError(str(unknown)) from unknown
    access = _nearest_access(start or Path.cwd())
    session = Session(
        aws_access_key_id=access.access_key_id,
        aws_secret_access_key=access.secret_access_key,
        region_name=access.region,
    )
    return Stack(access.stack, session, access.endpoint_url)


def _nearest_access(start: Path) -> Access:
    for directory in (start, *start.parents):
        path = directory / ACCESS_FILE
        if path.is_file():
            return _read(path)
    raise ConfigurationError(
        f"no stack is configured: give --stack, set {STACK_VARIABLE}, or work below a directory with {ACCESS_FILE}"
    )


def _read(path: Path) -> Access:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Access)
    except (OSError, msgspec.DecodeError) as unreadable:
        raise ConfigurationError(f"{path} does not describe a stack: {unreadable}") from unreadable


@contextmanager
def _told() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an extra

    try:
        yield
    except (BotoCoreError, ClientError) as failure:
        raise AwsFailed(f"AWS: {failure}") from failure


def _why(content: object) -> str:
    if isinstance(content, Mapping):
        return f"{content.get('errorType', 'an error')}: {content.get('errorMessage', 'without a message')}"
    return str(content)
