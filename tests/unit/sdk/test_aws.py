"""Finding the stack, and saying what is missing."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import CliRunner, Result

from millicent.aws import AwsFailed, Stack, find_stack
from millicent.cli import main
from millicent.cli.invocation import Invocation
from millicent.errors import ConfigurationError

ACCESS = {
    "endpoint_url": "http://127.0.0.1:1",
    "region": "eu-central-1",
    "stack": "millicent",
    "access_key_id": "key",
    "secret_access_key": "secret",
}


def test_without_boto3_the_commands_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    for command in (["verify"], ["dlq", "list"], ["digest", "make"]):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 2
        assert 'pip install "./sdk[aws]"' in done.stderr


def test_a_stack_is_the_named_one_else_that_of_the_environment_else_the_laptop_clouds(tmp_path: Path) -> None:
    (tmp_path / ".millicent").mkdir()
    (tmp_path / ".millicent" / "aws.json").write_text(json.dumps(ACCESS))
    below = tmp_path / "deep" / "down"
    below.mkdir(parents=True)
    environ = {"MILLICENT_STACK": "staging"}
    assert find_stack("prod", environ, below).name == "prod"
    assert find_stack(None, environ, below).name == "staging"
    laptop = find_stack(None, {}, below)
    assert (laptop.name, laptop.endpoint_url) == ("millicent", "http://127.0.0.1:1")


def test_where_nothing_names_a_stack_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="give --stack"):
        find_stack(None, {}, tmp_path)


@pytest.mark.parametrize("content", ["", "{}", '{"stack": 1}'])
def test_a_file_that_does_not_describe_a_stack_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / ".millicent").mkdir()
    (tmp_path / ".millicent" / "aws.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"aws\.json does not describe a stack"):
        find_stack(None, {}, tmp_path)


def test_verifying_an_actor_of_whom_nothing_was_recorded_is_not_found() -> None:
    def found(entries: int) -> Result:
        answer = {"accounts": 1, "entries": entries, "audited": entries}
        invoke = SimpleNamespace(invoke=lambda **_: {"Payload": io.BytesIO(json.dumps(answer).encode())})
        outputs = {"Stacks": [{"Outputs": [{"OutputKey": "ReconcileFunctionName", "OutputValue": "reconcile"}]}]}
        stack = stack_with(cloudformation=SimpleNamespace(describe_stacks=lambda **_: outputs), lambda_=invoke)
        return CliRunner().invoke(main, ["verify", "--actor", "user:nobody"], obj=Invocation(stack=stack))

    assert found(3).exit_code == 0
    nothing = found(0)
    assert nothing.exit_code == 5
    assert "account user:nobody does not exist" in nothing.stderr


def stack_with(**clients: Any) -> Stack:
    stack = Stack("other", SimpleNamespace())  # type: ignore[arg-type]
    stack.clients.update({name.replace("_", ""): client for name, client in clients.items()})  # type: ignore[misc]
    return stack


def raising(error: Exception) -> Any:
    def fail(**_: object) -> None:
        raise error

    return fail


def test_a_stack_of_somebody_else_is_recognised() -> None:
    answer = {"Stacks": [{"Outputs": [{"OutputKey": "Url", "OutputValue": "https://"}]}]}
    stack = stack_with(cloudformation=SimpleNamespace(describe_stacks=lambda **_: answer))
    assert stack.output("Url") == "https://"
    with pytest.raises(ConfigurationError, match="no output DigestFunctionName"):
        stack.output("DigestFunctionName")


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeStacks"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
    ],
)
def test_what_aws_refuses_ends_in_a_sentence(error: Exception) -> None:
    stack = stack_with(cloudformation=SimpleNamespace(describe_stacks=raising(error)))
    done = CliRunner().invoke(main, ["dlq", "list"], obj=Invocation(stack=stack))
    assert done.exit_code == 3
    assert done.stderr.startswith("millicent: AWS: ")


def test_a_function_that_fails_is_told_apart_from_its_answer() -> None:
    def answering(content: object, **more: str) -> Stack:
        payload = io.BytesIO(json.dumps(content).encode())
        return stack_with(**{"lambda": SimpleNamespace(invoke=lambda **_: {"Payload": payload, **more})})

    assert answering({"number": 1}).invoke("digest", {}) == {"number": 1}
    failed = {"errorType": "DigestExists", "errorMessage": "digest 1 has been made"}
    with pytest.raises(AwsFailed, match="DigestExists: digest 1 has been made"):
        answering(failed, FunctionError="Unhandled").invoke("digest", {})
