"""A laptop cloud of the tests' own: its state, its port, its processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from local.aws import Aws, as_deployer
from local.cloud import port_of
from local.deploy import Stack, describe
from local.endpoint import FILE_NAME, read_endpoint
from local.ownership import owner
from local.paths import ROOT
from local.processes import free_port
from local.reconciliation import reconcile
from millicent import Millicent
from millicent.operations import Reconciliation
from millicent.tokens import EndpointFile
from tests.process_list import running_processes

PATIENCE_S = 120
POLL_INTERVAL_S = 0.1

_Found = TypeVar("_Found")


def eventually(find: Callable[[], _Found | None], what: str) -> _Found:
    """The first truthy result. A busy machine is given long; nothing here asserts on how long it took."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := find()) is None or found is False:
        assert time.monotonic() < deadline, f"{what}: not after {PATIENCE_S} s"
        time.sleep(POLL_INTERVAL_S)
    return found


class Laptop:
    """Deploying takes a while: all tests share one, and each uses actors of its own."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.command("up", "--port", str(free_port()))

    @property
    def endpoint_file(self) -> Path:
        return self.state_dir / FILE_NAME

    @property
    def base_url(self) -> str:
        endpoint = read_endpoint(self.state_dir)
        assert endpoint is not None
        return endpoint.base_url

    def token(self, role: str) -> str:
        endpoint = read_endpoint(self.state_dir)
        assert endpoint is not None
        return endpoint.tokens[role]

    def client(self) -> Millicent:
        """As admin."""
        return Millicent(self.base_url, EndpointFile(self.endpoint_file))

    @cached_property
    def aws(self) -> Aws:
        return as_deployer(f"http://127.0.0.1:{port_of(self.state_dir)}", self.state_dir)

    @cached_property
    def stack(self) -> Stack:
        return describe(self.aws)

    def move(self) -> None:
        """Stops the cloud and starts it on another port."""
        self.stop()
        self.command("up", "--port", str(free_port()))
        self.forget()

    def forget(self) -> None:
        """What was known of the stack, after something may have changed its port or its resources."""
        for name in ("aws", "stack"):
            self.__dict__.pop(name, None)

    def command(self, *arguments: str) -> str:
        """What `make up` and `make down` run; returns what it prints."""
        return subprocess.run(
            [sys.executable, "-m", "local.cloud", *arguments, "--state", str(self.state_dir)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def start(self) -> None:
        self.command("up")

    def stop(self) -> None:
        self.command("down")

    def kill_supervisor(self) -> None:
        pid = owner(self.state_dir)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        """The whole cloud at once, as `kill -9` and the kernel without memory do: nobody gets to save anything."""
        for pid in self.processes("local/emulated"):
            os.killpg(pid, signal.SIGKILL)
        with suppress(ProcessLookupError, AssertionError):
            self.kill_supervisor()
        eventually(lambda: self.processes() == [] and owner(self.state_dir) is None, "nothing of it is left")

    def processes(self, mark: str = "") -> list[int]:
        """Ours that run: the emulator and its workers, which have the state directory on their command line or as
        their home. `mark` narrows it down."""
        mine = (str(self.state_dir), mark)
        return [int(pid) for pid, command in running_processes().items() if all(each in command for each in mine)]

    def emulator_log(self) -> str:
        return (self.state_dir / "emulator.log").read_text(errors="replace")

    def books(self) -> Reconciliation:
        return reconcile(self.aws)

    def books_when_audited(self) -> Reconciliation:
        """Once the audit table has every row."""
        return eventually(lambda: books if (books := self.books()).holds else None, "the books hold")
