"""Processes and ports of ours: find, wait for, end."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

POLL_INTERVAL_S = 0.05
REAPED_WITHIN_S = 5


class ProcessFailedError(RuntimeError):
    """A process of ours did not start or did not live; the message is for the person at the terminal."""


def free_port() -> int:
    """A port that nothing listens on at this moment. Another process may take it before the caller does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_port_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@contextmanager
def claimed_port(candidates: Iterable[int]) -> Iterator[int]:
    """The first candidate that nothing listens on and no other supervisor of ours has claimed, until the block ends.

    What is started on a port listens only a moment later, and would until then share it with whoever chose it at the
    same time: he would take our server for his own. So whoever starts one holds the UDP port of the same number: none
    of ours uses it, and the kernel frees it however its holder ends. Raises ProcessFailedError when all are taken.
    """
    tried = []
    for port in candidates:
        with socket.socket(type=socket.SOCK_DGRAM) as claim:
            if _is_bound(claim, port) and is_port_free(port):
                yield port
                return
        tried.append(str(port))
    raise ProcessFailedError(f"port {', '.join(tried)} is in use: choose another with PORT=...")


def _is_bound(claim: socket.socket, port: int) -> bool:
    try:
        claim.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str, timeout_s: float) -> None:
    """Returns when ready. Raises ProcessFailedError when the process ends first or the time is over."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if process.poll() is not None:
            raise ProcessFailedError(f"{name} ended with status {process.returncode} before it was ready")
        if time.monotonic() > deadline:
            raise ProcessFailedError(f"{name} was not ready after {timeout_s:g} s")
        time.sleep(POLL_INTERVAL_S)


def stop(process: subprocess.Popen[bytes], grace_s: float = 10) -> None:
    """Asks the process to end and, when it does not in time, ends it."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def stop_group(process: subprocess.Popen[bytes], grace_s: float = 10) -> None:
    """As `stop`, then ends whatever its children left behind. The process must lead a group of its own.

    Returns when they are gone, or a little later when nobody reaps them.
    """
    stop(process, grace_s)
    deadline = time.monotonic() + REAPED_WITHIN_S
    while _kill_group(process.pid) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_S)


def _kill_group(group: int) -> bool:
    """False when nobody is left in it; macOS says "not permitted" of those that are dead already."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True
