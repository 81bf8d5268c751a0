"""Starts, awaits and stops processes, and finds free ports."""

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
    """A process did not start or ended early; the message is for the person at the terminal."""


def free_port() -> int:
    """A port that is not in use now. Another process may take it before the caller does."""
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
    """The first free candidate that no other supervisor has claimed, until the block ends.

    A server listens only a moment after its start. Until then another supervisor could choose the same port and take
    this server for its own. So each supervisor also holds the UDP port of the same number: none of our servers uses it,
    and the kernel frees it when the holder ends. Raises ProcessFailedError if all are in use.
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
    """Returns when ready. Raises ProcessFailedError if the process ends first or the time is up."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if process.poll() is not None:
            raise ProcessFailedError(f"{name} ended with status {process.returncode} before it was ready")
        if time.monotonic() > deadline:
            raise ProcessFailedError(f"{name} was not ready after {timeout_s:g} s")
        time.sleep(POLL_INTERVAL_S)


def stop(process: subprocess.Popen[bytes], grace_s: float = 10) -> None:
    """Asks the process to end, and kills it if it does not end in time."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def stop_group(process: subprocess.Popen[bytes], grace_s: float = 10) -> None:
    """The same as `stop`; then kills all remaining processes of its group. The process must lead a group of its own.

    Returns when they have ended, or a little later if no parent reaps them.
    """
    stop(process, grace_s)
    deadline = time.monotonic() + REAPED_WITHIN_S
    while _kill_group(process.pid) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_S)


def _kill_group(group: int) -> bool:
    """False if the group is empty; macOS reports "not permitted" for processes that have ended."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True
