"""Where the environment says everything, botocore's client and session are not loaded: each test is a new process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LAMBDA = {
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
SETTINGS = {
    "STAGE": "test",
    "POWERTOOLS_SERVICE_NAME": "millicent",
    "POWERTOOLS_METRICS_NAMESPACE": "Millicent",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "TENANT_CLAIM": "custom:tenant",
    "DEFAULT_TENANT": "main",
    "OPERATOR_CLAIM": "cognito:groups",
    "OPERATOR_VALUE": "millicent-operators",
    "CONSOLE_CLIENT": "console",
    "LEDGER_TABLE": "ledger",
    "LEDGER_DEADLINE_MS": "5000",
    "MAX_USAGE_AGE_DAYS": "35",
    "EVENT_BUS": "bus",
    "CHECK_EVENTS": "none",
}
WIRE = """
import sys, json
from shared.adapters.dynamodb_wire import wire_to
from shared.adapters.http_connections import Patience
wire = wire_to(None, None, Patience(1, 1, 1))
print(json.dumps({
    "loaded": "botocore.session" in sys.modules,
    "wire": wire is not None,
    "url": wire and wire.meta.endpoint_url,
    "region": wire and wire.meta.region_name,
    "key": wire and wire._credentials().access_key,
}))
"""


def run(program: str, home: Path, environment: dict[str, str]) -> str:
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), **environment}
    return subprocess.check_output([sys.executable, "-c", program], env=variables, cwd=ROOT, text=True)


def wire(home: Path, environment: dict[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run(WIRE, home, environment))
    return told


@pytest.mark.parametrize("function", ["check", "cost", "holds", "funding"])
def test_a_function_that_charges_starts_without_botocores_client(function: str, tmp_path: Path) -> None:
    program = (
        f"import sys, functions.{function}.handler; print(sorted(m for m in sys.modules if m.startswith('botocore.')))"
    )
    loaded = run(program, tmp_path, LAMBDA | SETTINGS)
    assert "botocore.exceptions" in loaded
    assert "botocore.client" not in loaded
    assert "botocore.session" not in loaded
    assert "botocore.config" not in loaded


def test_the_stand_ins_are_gone_once_pynamodb_is_loaded(tmp_path: Path) -> None:
    program = """
import shared.adapters.pynamo as pynamo, botocore
assert not hasattr(botocore, "session")
import botocore.client, botocore.config, botocore.session
assert botocore.client.BaseClient and botocore.config.Config
made = pynamo.Connection(region="eu-central-1", host="http://localhost:1")
print(type(made.client).__name__, botocore.session.Session.__module__)
"""
    assert run(program, tmp_path, LAMBDA).split() == ["DynamoDB", "botocore.session"]


def test_in_a_lambda_function_all_comes_from_the_environment(tmp_path: Path) -> None:
    assert wire(tmp_path, LAMBDA) == {
        "loaded": False,
        "wire": True,
        "url": "https://dynamodb.eu-central-1.amazonaws.com",
        "region": "eu-central-1",
        "key": "AKID",
    }


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({"AWS_ENDPOINT_URL": "http://localhost:1"}, "http://localhost:1"),
        (
            {"AWS_ENDPOINT_URL": "http://localhost:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://localhost:2"},
            "http://localhost:2",
        ),
        ({"AWS_DEFAULT_REGION": "cn-north-1"}, "https://dynamodb.cn-north-1.amazonaws.com.cn"),
    ],
    ids=str,
)
def test_an_endpoint_in_the_environment_needs_no_botocore(
    tmp_path: Path, environment: dict[str, str], url: str
) -> None:
    told = wire(tmp_path, LAMBDA | environment)
    assert (told["loaded"], told["url"]) == (False, url)


@pytest.mark.parametrize(
    ("environment", "files", "expected"),
    [
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, {}, {"url": "https://dynamodb-fips.eu-central-1.amazonaws.com"}),
        ({"AWS_PROFILE": "p"}, {"config": "[profile p]\nregion = eu-west-3\n"}, {"region": "eu-central-1"}),
        ({}, {"config": "[default]\nendpoint_url = http://localhost:3\n"}, {"url": "http://localhost:3"}),
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            {"credentials": "[default]\naws_access_key_id = FILED\naws_secret_access_key = s\n"},
            {"key": "FILED"},
        ),
        ({"AWS_DEFAULT_REGION": ""}, {"config": "[default]\nregion = eu-west-3\n"}, {"region": "eu-west-3"}),
        ({"AWS_CREDENTIAL_EXPIRATION": "2999-01-01T00:00:00Z"}, {}, {"key": "AKID"}),
        (
            {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL": "http://localhost:1"},
            {},
            {"url": "https://dynamodb.eu-central-1.amazonaws.com"},
        ),
        ({"AWS_DEFAULT_REGION": "xx-nowhere-9"}, {}, {"url": "https://dynamodb.xx-nowhere-9.amazonaws.com"}),
    ],
    ids=str,
)
def test_what_the_environment_leaves_open_botocore_answers(
    tmp_path: Path, environment: dict[str, str], files: dict[str, str], expected: dict[str, str]
) -> None:
    (tmp_path / ".aws").mkdir()
    for name, text in files.items():
        (tmp_path / ".aws" / name).write_text(text)
    told = wire(tmp_path, {name: value for name, value in (LAMBDA | environment).items() if value})
    assert told["loaded"]
    assert {name: told[name] for name in expected} == expected


def test_behind_a_proxy_botocore_is_used(tmp_path: Path) -> None:
    told = wire(tmp_path, LAMBDA | {"https_proxy": "http://proxy.test:3128"})
    assert (told["loaded"], told["wire"]) == (True, False)


def test_where_botocores_session_is_loaded_its_hooks_see_every_request(tmp_path: Path) -> None:
    """As moto's and an instrumentation's."""
    told = json.loads(run(f"import botocore.session\n{WIRE}", tmp_path, LAMBDA))
    assert (told["loaded"], told["key"]) == (True, "AKID")
