"""Runs a built function as Lambda does, without a container: Lambda's runtime client, and its interface emulated.

The runtime client (awslambdaric) is what Lambda itself runs Python functions with; the emulator of its interface is the
one that SAM puts into its containers. A function finds its package, the layer, the client and the standard library, and
a variable only where its template declares it. One request at a time, as in one execution environment. On Linux alone.
"""

import json
import os
import platform
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen
from typing import Any, Final

import httpx

from local.deployed_functions import DeployedFunction
from local.emulator import REGION
from local.environments import Environment, ensure
from local.paths import REQUIREMENTS, TOOLS
from local.processes import ProcessFailedError, free_port, is_port_free, stop_group, wait_until

CLIENT: Final = Environment(TOOLS / "lambda", REQUIREMENTS / "lambda.txt")
SAM: Final = Environment(TOOLS / "sam", REQUIREMENTS / "sam.txt")
INVOCATIONS: Final = "/2015-03-31/functions/function/invocations"
START_TIMEOUT_S: Final = 60
SPARE_S: Final = 30
"""Beyond the function's own timeout, which the emulator keeps: a cold start, and a busy machine."""


class FunctionFailedError(RuntimeError):
    """The function raised, ended or took too long; the message is what the runtime said about it."""


@dataclass(frozen=True)
class RunningFunction:
    """`log` is all that the function and the emulator print, in one file."""

    function: DeployedFunction
    port: int
    log: Path
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def invoke(self, event: bytes) -> Any:  # noqa: ANN401 - JSON
        """What the handler returns, as JSON values. Raises FunctionFailedError."""
        with self._turn:
            answer = httpx.post(
                f"http://127.0.0.1:{self.port}{INVOCATIONS}",
                content=event,
                headers={"Content-Type": "application/json"},
                timeout=self.function.timeout_s + SPARE_S,
            )
        try:
            returned = answer.json()
        except json.JSONDecodeError:
            raise FunctionFailedError(f"{self.function.name}: {answer.text}") from None
        if isinstance(returned, Mapping) and "errorType" in returned:
            raise FunctionFailedError(
                f"{self.function.name}: {returned['errorType']}: {returned.get('errorMessage', '')}"
            )
        return returned

    def printed(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def running(
    function: DeployedFunction, build: Path, variables: Mapping[str, str], log: Path
) -> Iterator[RunningFunction]:
    """The function as `build` has it, with its own variables and these, until the block ends.

    Raises ProcessFailedError when it cannot be started. What it makes of its variables shows when it is invoked.
    """
    port, api_port = free_port(), free_port()
    with log.open("wb") as output:
        process = Popen(
            _command(function, port, api_port),
            cwd=build / function.logical_id,
            env={**_environment(function, build), **variables},
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: not is_port_free(port), process, function.name, START_TIMEOUT_S)
        yield RunningFunction(function, port, log)
    finally:
        stop_group(process)


def _command(function: DeployedFunction, port: int, api_port: int) -> list[str]:
    if sys.platform != "linux":
        raise ProcessFailedError(
            "the emulator of Lambda's runtime interface is for Linux: use sam local, in a container"
        )
    ensure(SAM)
    ensure(CLIENT)
    addresses = [
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{api_port}"),
        *("--log-level", "warn"),
    ]
    return [str(emulator()), *addresses, str(CLIENT.python), "-m", "awslambdaric", function.handler]


def emulator() -> Path:
    """The one that aws-sam-cli ships, for this processor."""
    processor = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    (found,) = SAM.directory.glob(f"lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{processor}")
    return found


def _environment(function: DeployedFunction, build: Path) -> dict[str, str]:
    """What Lambda itself sets, and what the template declares; nothing of the caller's."""
    package, layer = build / function.logical_id, build / "ThirdPartyLayer"
    set_by_lambda = {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": f"{package}{os.pathsep}{layer / 'python'}",
        "LAMBDA_TASK_ROOT": str(package),
        "_HANDLER": function.handler,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mib),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout_s),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": function.logging["LogFormat"],
        "AWS_LAMBDA_LOG_LEVEL": function.logging["ApplicationLogLevel"],
    }
    return set_by_lambda | dict(function.variables)
