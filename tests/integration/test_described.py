"""What the API answers is what the OpenAPI document says, whatever is asked: generated requests to every operation."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
import schemathesis
from jsonschema import Draft202012Validator
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished
from werkzeug.test import Client, TestResponse

from openapi.document import FILE
from shared.edge.validation import IDEMPOTENCY_KEY
from tests.integration.conftest import stack
from tests.integration.gateway import Gateway
from tests.integration.known_exceptions import KNOWN, KnownException, is_known
from tests.integration.world import World, create_digests, new_key

DOCUMENT: Final[dict[str, Any]] = json.loads(FILE.read_text())
CONFIGURATION: Final = Path(__file__).with_name("schemathesis.toml")
OPERATIONS: Final = [(method.upper(), path) for path, each in DOCUMENT["paths"].items() for method in each]
CLOSED: Final = [(method, path) for method, path in OPERATIONS if DOCUMENT["paths"][path][method.lower()]["security"]]
FEW: Final = 10
MANY: Final = 100
"""Generated requests an operation and phase, in `make test` and in `make contract`."""
KEY: Final = "Idempotency-Key"


@pytest.fixture
def gateway(modules: dict[str, ModuleType]) -> Iterator[Gateway]:
    """Before a stack of the test's own: moto takes the longer for a transaction the more is in its tables."""
    with stack(modules) as world:
        prepare(world)
        yield Gateway(world)


@pytest.fixture(scope="module")
def shared_gateway(modules: dict[str, ModuleType]) -> Iterator[Gateway]:
    """Before one stack for all tests that change nothing."""
    with stack(modules) as world:
        yield Gateway(world)


def prepare(world: World) -> None:
    """What the examples in the document speak of: an account with credits, a hold and a charge."""
    world.fund({"actor": "user:alice", "old_amount": 0, "new_amount": 1_000_000})
    world.hold({"actor": "user:alice", "amount": 400, "ttl_s": 86_400})
    world.cost({"actor": "user:alice", "cost": 42.125}, key="0b6f8a8e-3f0e-4a36-9d55-6a1f6a0c0001")


def prepare_digest(world: World) -> None:
    """What the calls of proofs and digests are about. Its key takes long to make."""
    create_digests()
    world.settle()
    world.invoke("digest", {})


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_every_answer_is_as_it_is_described(gateway: Gateway, operation: tuple[str, str]) -> None:
    assert findings(gateway, *operation, FEW) == []


@pytest.mark.long
@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_every_answer_is_as_it_is_described_at_length(gateway: Gateway, operation: tuple[str, str]) -> None:
    assert findings(gateway, *operation, MANY) == []


@pytest.mark.parametrize("operation", CLOSED, ids=" ".join)
def test_who_has_no_token_is_told_so_as_it_is_described(shared_gateway: Gateway, operation: tuple[str, str]) -> None:
    answer = asked(shared_gateway, *operation, {})
    assert answer.status_code == 401
    assert faults(answer, *operation) == []


@pytest.mark.parametrize("operation", CLOSED, ids=" ".join)
def test_who_lacks_the_scope_is_told_so_as_it_is_described(shared_gateway: Gateway, operation: tuple[str, str]) -> None:
    answer = asked(shared_gateway, *operation, {"Authorization": "Bearer nobody"})
    assert answer.status_code == 403
    assert faults(answer, *operation) == []


@pytest.mark.parametrize("operation", [each for each in CLOSED if "{" in each[1]], ids=" ".join)
def test_an_id_that_can_be_none_is_refused_by_the_name_of_its_parameter(
    shared_gateway: Gateway, operation: tuple[str, str]
) -> None:
    method, path = operation
    name = path.partition("{")[2].partition("}")[0]
    where = path.replace(f"{{{name}}}", "%C2%84")
    query = "?actor=user:alice" if name == "key" else ""
    body = {"actor": "user:alice", "ttl_s": 600} if path.endswith("/extend") else {"actor": "user:alice"}
    content = None if method in {"GET", "DELETE"} else json.dumps({} if "accounts" in path else body)
    headers = {"Authorization": "Bearer service", KEY: new_key(), "Content-Type": "application/json"}
    answer = Client(shared_gateway).open(where + query, method=method, headers=headers, data=content)
    assert (answer.status_code, [each["path"] for each in _problem(answer.data)["errors"]]) == (422, [f"path.{name}"])
    assert faults(answer, method, path) == []


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.reason} {known.where} {known.detail}")
def test_a_known_exception_is_still_one(shared_gateway: Gateway, known: KnownException) -> None:
    """The document allows what the service refuses; an exception that no request needs any more is to be deleted."""
    method, target, body = known.asked
    headers = {"Authorization": "Bearer service", KEY: new_key()}
    answer = Client(shared_gateway).open(target, method=method, headers=headers, json=body)
    problem = _problem(answer.data)
    assert known.fits(problem), problem
    assert [other.reason for other in KNOWN if other is not known and other.fits(problem)] == []
    (described,) = [each[method.lower()] for path, each in DOCUMENT["paths"].items() if is_of(path, target, method)]
    query = {each["name"]: each["schema"] for each in described["parameters"] if each.get("in") == "query"}
    for name, value in parse_qsl(target.partition("?")[2]):
        assert errors_in(value, query[name]) == []
    if body is not None:
        assert errors_in(body, described["requestBody"]["content"]["application/json"]["schema"]) == []


def is_of(path: str, target: str, method: str) -> bool:
    is_there = re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), target.partition("?")[0]) is not None
    return is_there and method.lower() in DOCUMENT["paths"][path]


def errors_in(value: object, schema: dict[str, Any]) -> list[str]:
    return [
        each.message
        for each in Draft202012Validator(schema | {"components": DOCUMENT["components"]}).iter_errors(value)
    ]


def findings(gateway: Gateway, method: str, path: str, examples: int) -> list[str]:
    """What schemathesis finds about one operation, but for the known exceptions."""
    configuration = SchemathesisConfig.from_path(CONFIGURATION)
    configuration.projects.default.generation.update(max_examples=examples)
    schema = schemathesis.openapi.from_dict(DOCUMENT | {"servers": [{"url": "/"}]}, config=configuration)
    schema.app = WithNewKeys(gateway)
    if path.endswith(("/proof", "/{number}")):
        prepare_digest(gateway.world)
    found: list[str] = []
    for event in from_schema(schema.include(method=method, path=path)).execute():
        if isinstance(event, FatalError):
            raise event.exception
        if isinstance(event, NonFatalError):
            found.append(repr(event.value))
        if isinstance(event, ScenarioFinished):
            found += _findings(event.recorder)
    return found


class WithNewKeys:
    """The API for requests that all have keys of their own: whether a key was used before is no question of form."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if re.match(IDEMPOTENCY_KEY, environ.get("HTTP_IDEMPOTENCY_KEY", "")):
            environ["HTTP_IDEMPOTENCY_KEY"] = new_key()
        return self._gateway(environ, start_response)


def _findings(recorder: Any) -> Iterator[str]:
    for case, checks in recorder.checks.items():
        content = recorder.interactions[case].response.content
        for check in checks:
            if check.failure_info is not None and not is_known(check.name, _problem(content)):
                said = check.failure_info
                yield f"{said.failure.title}: {said.failure.message}\n{said.code_sample}\n{content[:500]!r}"


def _problem(content: bytes) -> dict[str, Any]:
    try:
        problem = json.loads(content)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def asked(gateway: Gateway, method: str, path: str, headers: dict[str, str]) -> TestResponse:
    return Client(gateway).open(path.replace("{", "").replace("}", ""), method=method, headers=headers)


def faults(answer: TestResponse, method: str, path: str) -> list[str]:
    """What the document does not say of an answer: its status, its media type or its body."""
    described = DOCUMENT["paths"][path][method.lower()]["responses"][str(answer.status_code)]
    if "$ref" in described:
        described = DOCUMENT["components"]["responses"][described["$ref"].rpartition("/")[2]]
    schema = described["content"][answer.mimetype]["schema"] | {"components": DOCUMENT["components"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(answer.json)]
