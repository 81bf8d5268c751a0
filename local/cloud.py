"""The laptop cloud: the emulated AWS with template.yaml deployed in it, served on this machine alone.

python -m local.cloud serve     in the foreground, until Ctrl-C
python -m local.cloud up        in the background; returns when it is ready; redeploys changes
python -m local.cloud down      stops it; its state stays
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local import tokens
from local.aws import Aws, as_deployer, forget_callers_aws
from local.background_tasks import BackgroundTasks, in_background
from local.deploy import Stack, deployed
from local.emulator import Emulator, running
from local.endpoint import Endpoint, read_endpoint, remove_endpoint
from local.function_logs import FunctionErrors
from local.options import port_number
from local.ownership import owned, owner
from local.paths import ROOT, STATE
from local.processes import ProcessFailedError, claimed_port, free_port
from local.signals import stop_on_signals
from local.stream_recovery import build_boards, forget_stream_positions, publish_what_was_not

DEFAULT_PORT: Final = 4566
FREE_PORTS_TRIED: Final = 5
UP_TIMEOUT_S: Final = 600
DOWN_TIMEOUT_S: Final = 90
POLL_INTERVAL_S: Final = 0.2
FUNCTION_LOGS: Final = "/aws/lambda/"


@dataclass(frozen=True)
class Cloud:
    """A running cloud, as its supervisor sees it."""

    emulator: Emulator
    aws: Aws
    stack: Stack
    tasks: BackgroundTasks

    @property
    def endpoint(self) -> Endpoint:
        return self.tasks.endpoint

    def wait(self) -> None:
        """Waits until the emulator ends, which is a failure. Raises ProcessFailedError then."""
        while self.emulator.is_alive:
            time.sleep(POLL_INTERVAL_S)
        raise ProcessFailedError(f"the laptop cloud ended unexpectedly; {self.emulator.why_it_ended()}")


@contextmanager
def running_cloud(state_dir: Path, port: int | None) -> Iterator[Cloud]:
    """A cloud with the template deployed, on `port` (None: any), until the block ends; its state stays in `state_dir`.

    Raises ProcessFailedError with a message for the person at the terminal.
    """
    with owned(state_dir), _announced(state_dir), _emulator(state_dir, port) as emulator:
        aws = as_deployer(emulator.url, state_dir)
        stack = deployed(aws, state_dir)
        publish_what_was_not(aws, stack)
        build_boards(aws, stack)
        tasks = _background_tasks(emulator, aws, stack, state_dir)
        with in_background(tasks):
            yield Cloud(emulator, aws, stack, tasks)


def up(state_dir: Path, port: int | None) -> Endpoint:
    """Starts a cloud in the background unless one runs, and returns when it is ready.

    A running cloud keeps its port.
    """
    if owner(state_dir) is None:
        remove_endpoint(state_dir)
        return _wait_for_endpoint(state_dir, _spawned(state_dir, port))
    endpoint = _wait_for_endpoint(state_dir, None)
    if notice := _other_port(port, port_of(state_dir)):
        print(notice, file=sys.stderr, flush=True)
    _redeploy(state_dir)
    return endpoint


def down(state_dir: Path) -> bool:
    """Stops the cloud and waits for its end; False if none ran."""
    pid = owner(state_dir)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_TIMEOUT_S
    while owner(state_dir) == pid:
        if time.monotonic() > deadline:
            raise ProcessFailedError(f"the laptop cloud (process {pid}) does not stop")
        time.sleep(POLL_INTERVAL_S)
    return True


def serve(state_dir: Path, port: int | None) -> None:
    with running_cloud(state_dir, port) as cloud:
        print(f"ready: {cloud.endpoint.base_url}", file=sys.stderr, flush=True)
        cloud.wait()


def port_of(state_dir: Path) -> int:
    """The port of the emulator that runs, or ran last, on `state_dir`."""
    return int((state_dir / "port").read_text())


@contextmanager
def _announced(state_dir: Path) -> Iterator[None]:
    """The endpoint file exists only while the cloud runs."""
    remove_endpoint(state_dir)
    try:
        yield
    finally:
        remove_endpoint(state_dir)


@contextmanager
def _emulator(state_dir: Path, port: int | None) -> Iterator[Emulator]:
    forget_stream_positions(state_dir / "state")
    with claimed_port(_ports(state_dir, port)) as claimed, running(state_dir, claimed) as emulator:
        (state_dir / "port").write_text(str(emulator.port))
        yield emulator


def _background_tasks(emulator: Emulator, aws: Aws, stack: Stack, state_dir: Path) -> BackgroundTasks:
    clients = tokens.clients_of(aws, stack.only("AWS::Cognito::UserPool"))
    base_url = f"{emulator.url}/_aws/execute-api/{stack.only('AWS::ApiGatewayV2::Api')}"
    groups = [group for group in stack.all("AWS::Logs::LogGroup") if group.startswith(FUNCTION_LOGS)]
    return BackgroundTasks(emulator.url, base_url, clients, FunctionErrors(aws, groups), state_dir)


def _ports(state_dir: Path, wanted: int | None) -> Iterator[int]:
    """The candidates: only `wanted`; or else the last port (so that URLs stay valid), the default and free ones."""
    if wanted is not None:
        yield wanted
        return
    if (state_dir / "port").is_file():
        yield port_of(state_dir)
    yield DEFAULT_PORT
    yield from (free_port() for _ in range(FREE_PORTS_TRIED))


def _spawned(state_dir: Path, port: int | None) -> subprocess.Popen[bytes]:
    state_dir.mkdir(parents=True, exist_ok=True)
    arguments = ["--state", str(state_dir), *(["--port", str(port)] if port else [])]
    with (state_dir / "cloud.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "local.cloud", "serve", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_for_endpoint(state_dir: Path, starting: subprocess.Popen[bytes] | None) -> Endpoint:
    deadline = time.monotonic() + UP_TIMEOUT_S
    while (endpoint := read_endpoint(state_dir)) is None:
        if starting is not None and starting.poll() is not None and owner(state_dir) is None:
            told = (state_dir / "cloud.log").read_text(errors="replace").strip()
            raise ProcessFailedError(f"the laptop cloud did not start:\n{told}")
        if time.monotonic() > deadline:
            raise ProcessFailedError(
                f"the laptop cloud was not ready after {UP_TIMEOUT_S} s: see {state_dir}/cloud.log"
            )
        time.sleep(POLL_INTERVAL_S)
    return endpoint


def _other_port(wanted: int | None, port: int) -> str | None:
    if wanted in {None, port}:
        return None
    return f"the laptop cloud is running on port {port} ; to move it to port {wanted}, run `make down` first"


def _redeploy(state_dir: Path) -> None:
    """Redeploys into the running cloud, since the sources may have changed."""
    deployed(as_deployer(f"http://127.0.0.1:{port_of(state_dir)}", state_dir), state_dir)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["serve", "up", "down"])
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--port", type=port_number)
    return parser.parse_args()


def main() -> None:
    wanted = _parsed()
    forget_callers_aws()
    stop_on_signals()
    match wanted.command:
        case "serve":
            serve(wanted.state.resolve(), wanted.port)
        case "up":
            endpoint = up(wanted.state.resolve(), wanted.port)
            print(f"the laptop cloud is up: {endpoint.base_url}, tokens in {wanted.state}/endpoint.json")
        case "down":
            print("the laptop cloud is down" if down(wanted.state.resolve()) else "no laptop cloud was running")


if __name__ == "__main__":
    try:
        main()
    except ProcessFailedError as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
