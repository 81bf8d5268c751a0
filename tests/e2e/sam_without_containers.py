"""`sam`, with its containers replaced: what it would run in one, it runs as a process, under the same emulator.

All else is SAM's own: it reads the template and the environment file, finds the function, its layers and its routes,
makes the event of a request, and reads the answer. Run by SAM's interpreter, with its arguments:

    .tools/sam/bin/python tests/e2e/sam_without_containers.py local invoke -t ... CostFunction
"""

import http.client
import os
import socket
import subprocess
import sys
import time
from typing import Any
from unittest.mock import MagicMock

from samcli.cli.main import cli  # type: ignore[import-not-found]
from samcli.local.docker.container_client_factory import ContainerClientFactory  # type: ignore[import-not-found]
from samcli.local.lambdafn.runtime import LambdaRuntime, WarmLambdaRuntime  # type: ignore[import-not-found]

EMULATOR, CLIENT = "RIE", "LAMBDA_PYTHON"
"""Variables: the emulator of the runtime interface, and the interpreter with Lambda's runtime client."""
INVOCATIONS = "/2015-03-31/functions/function/invocations"
POLL_INTERVAL_S = 0.05


def invoke(_runtime: Any, config: Any, event: str, *_: Any, stdout: Any = None, **__: Any) -> None:
    """In the place of LambdaRuntime.invoke: one process for one invocation, as SAM has one container."""
    port, api_port = _free_port(), _free_port()
    addresses = [
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{api_port}"),
        *("--log-level", "warn"),
    ]
    packages = [config.code_abs_path, *(f"{layer.codeuri}/python" for layer in config.layers)]
    process = subprocess.Popen(
        [os.environ[EMULATOR], *addresses, os.environ[CLIENT], "-m", "awslambdaric", config.handler],
        env={"PATH": os.defpath, **config.env_vars.resolve(), "PYTHONPATH": os.pathsep.join(packages)},
        stdout=sys.stderr,
        stderr=sys.stderr,
    )
    try:
        stdout.write_str(_answer(process, port, event))
    finally:
        process.terminate()
        process.wait()


def _answer(process: "subprocess.Popen[bytes]", port: int, event: str) -> str:
    while process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            connection.request("POST", INVOCATIONS, event.encode(), {"Content-Type": "application/json"})
            return connection.getresponse().read().decode()
        except ConnectionRefusedError:
            time.sleep(POLL_INTERVAL_S)
        finally:
            connection.close()
    raise RuntimeError("the emulator ended before it answered")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    LambdaRuntime.invoke = invoke
    WarmLambdaRuntime.invoke = invoke
    ContainerClientFactory.create_client = MagicMock()
    cli()
