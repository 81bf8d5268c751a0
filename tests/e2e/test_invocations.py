"""Every sample in events/, by each way there is to invoke a function without a container."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from local.build import built
from local.deployed_functions import functions_of, role_credentials, routes_of
from local.invoke import runner
from local.lambda_runtime import CLIENT, SAM, FunctionFailedError, emulator, running
from local.paths import ROOT
from local.processes import free_port, stop_group
from local.sam_local import Files, write
from local.samples import STORY, Sample, sample_of
from tests.e2e.laptop import Laptop, eventually

pytestmark = pytest.mark.e2e
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the emulator of the runtime interface is for Linux")

SAM_ITSELF = [str(SAM.directory / "bin" / "sam")]
WITHOUT_CONTAINERS = [str(SAM.python), str(ROOT / "tests" / "e2e" / "sam_without_containers.py")]
FUNDED = sample_of(ROOT / "events" / "funding-update.json")


def wrong(invoke: Callable[[Sample], Any]) -> list[str]:
    """The samples that are not answered as they should be, invoked in their order."""
    answers = [(sample, invoke(sample)) for sample in STORY]
    return [f"{sample.name}: {answer}" for sample, answer in answers if not sample.is_answered_by(answer)]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """For SAM's commands."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "SAM_CLI_TELEMETRY": "0", **variables}


def printed_by(command: Sequence[str], variables: Mapping[str, str]) -> str:
    """What a command of SAM prints; it fails the test if it fails."""
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_sample_is_answered_by_the_deployed_function(laptop: Laptop) -> None:
    client = laptop.aws.session.client("lambda", endpoint_url=laptop.aws.url)

    def invoke(sample: Sample) -> Any:
        name = laptop.stack.ids[sample.function]
        return json.load(client.invoke(FunctionName=name, Payload=sample.file.read_bytes())["Payload"])

    assert wrong(invoke) == []


def test_sam_remote_invoke_sends_a_sample_to_the_laptop_cloud(laptop: Laptop) -> None:
    command = ["remote", "invoke", FUNDED.function, "--stack-name", "millicent", "--event-file", str(FUNDED.file)]
    assert FUNDED.is_answered_by(json.loads(printed_by([*SAM_ITSELF, *command], environment(laptop.aws.environment()))))


@on_linux
def test_every_sample_is_answered_under_lambdas_own_runtime_client(laptop: Laptop) -> None:
    with runner(laptop.aws, laptop.state_dir) as runs:
        assert wrong(lambda sample: runs.invoke(sample.function, sample.file.read_bytes())) == []
        printed = runs.function("CostFunction").printed()
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert "batch recorded" in {line.get("message") for line in lines}


@on_linux
def test_a_function_without_a_variable_says_so_under_the_runtime_client(laptop: Laptop, tmp_path: Path) -> None:
    functions = {each.logical_id: each for each in functions_of(laptop.aws, laptop.stack)}
    docs = replace(functions["DocsFunction"], variables={})
    with (
        running(docs, built(), {}, tmp_path / "log") as function,
        pytest.raises(FunctionFailedError, match="STAGE is not set"),
    ):
        function.invoke(b"{}")


@on_linux
def test_a_function_under_the_runtime_client_has_the_rights_of_its_role_alone(laptop: Laptop, tmp_path: Path) -> None:
    """The account is read with the rights of the documents' function."""
    functions = {each.logical_id: each for each in functions_of(laptop.aws, laptop.stack)}
    variables = role_credentials(laptop.aws, functions["DocsFunction"]) | {"AWS_ENDPOINT_URL": laptop.aws.url}
    event = (ROOT / "events" / "accounts-account.json").read_bytes()
    with running(functions["AccountsFunction"], built(), variables, tmp_path / "log") as function:
        assert function.invoke(event)["statusCode"] == 500


@pytest.fixture(scope="module")
def files(laptop: Laptop, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """What `make sam-local` writes, for functions that reach the laptop cloud as the tests do."""
    return write(laptop.aws, laptop.stack, built(), laptop.aws.url, tmp_path_factory.mktemp("sam-local"))


def sam_local(files: Files, command: str, *arguments: str) -> list[str]:
    places = ["--template", str(files.template), "--env-vars", str(files.variables)]
    return [*WITHOUT_CONTAINERS, "local", command, *places, *arguments]


def in_place_of_containers() -> dict[str, str]:
    return environment({"RIE": str(emulator()), "LAMBDA_PYTHON": str(CLIENT.python)})


def test_a_variable_of_the_environment_file_is_declared_by_the_template(files: Files) -> None:
    resources = yaml.safe_load(files.template.read_text())["Resources"]
    given = json.loads(files.variables.read_text())
    assert {name: sorted(resources[name]["Properties"]["Environment"]["Variables"]) for name in given} == {
        name: sorted(variables) for name, variables in given.items()
    }


def test_sam_finds_the_template_valid(files: Files) -> None:
    command = ["validate", "--region", "eu-central-1", "--template", str(files.template)]
    printed_by([*SAM_ITSELF, *command], environment({}))


@on_linux
def test_sam_local_invoke_runs_a_sample_with_what_is_written_for_it(laptop: Laptop, files: Files) -> None:
    command = sam_local(files, "invoke", "--event", str(FUNDED.file), FUNDED.function)
    assert FUNDED.is_answered_by(json.loads(printed_by(command, in_place_of_containers())))


@on_linux
def test_sam_local_start_api_serves_every_route_with_the_test_identity(
    laptop: Laptop, files: Files, tmp_path: Path
) -> None:
    actor = "user:start-api"
    with laptop.client() as client:
        client.grant(actor, 10)
    with started_api(files, tmp_path / "log") as url:
        cost, key = {"actor": actor, "cost": 1}, {"Idempotency-Key": "start-api-1"}
        charged = httpx.post(f"{url}/v1/cost", json=cost, headers=key, timeout=60)
    assert (charged.status_code, charged.json()["entry"]["by"]) == (201, "sam-local")
    functions = functions_of(laptop.aws, laptop.stack)
    assert mounted((tmp_path / "log").read_text()) == {
        f"{route.key} {route.function}" for route in routes_of(laptop.aws, laptop.stack, functions)
    }


@contextmanager
def started_api(files: Files, log: Path) -> Iterator[str]:
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            sam_local(files, "start-api", "--port", str(port)),
            env=in_place_of_containers(),
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        eventually(lambda: "Running on" in log.read_text() or process.poll() is not None, "the API is served")
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        stop_group(process)


def mounted(log: str) -> set[str]:
    """The routes that SAM says it serves: Mounting CostFunction at http://127.0.0.1:3000/v1/cost [POST]"""
    found = set()
    for line in log.splitlines():
        _, is_one, rest = line.partition("Mounting ")
        if is_one:
            function, _, url, methods = rest.split(" ", maxsplit=3)
            path = "/" + url.split("/", maxsplit=3)[3]
            found |= {f"{method} {path} {function}" for method in methods.strip("[]").split(", ")}
    return found
