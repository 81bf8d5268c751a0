"""The emulated AWS: one ministack process with its own state directory, reachable from this machine alone."""

import ctypes
import http.client
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from local.disk import free_mib, require_space
from local.emulated.failing import EXIT_NOT_SAVED
from local.environments import Environment, ensure
from local.moved_state import move_to_port
from local.paths import REQUIREMENTS, ROOT, TOOLS
from local.processes import ProcessFailedError, is_port_free, stop_group, wait_until
from local.signals import uninterrupted

START_TIMEOUT_S: Final = 60
STOP_GRACE_S: Final = 60
"""While it stops, the emulator saves what it has not saved yet, such as the logs of the functions."""
SAVE_PATH: Final = "/_millicent/save"
SAVE_TIMEOUT_S: Final = 60

REGION: Final = "eu-central-1"
ROOT_KEY: Final = "test"
"""The emulator treats this access key as the account's root user."""

PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True)
class Emulator:
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def why_it_ended(self) -> str:
        """A sentence or the end of its log. On a full disk it could not write that any more, so its status tells."""
        if self.process.poll() == EXIT_NOT_SAVED:
            place = self.log.parent
            return (
                f"it could not save its state to {place}, whose disk has {free_mib(place)} MiB free. Every change that "
                "it acknowledged is saved. Free some space, or make the directory writable, and start it again"
            )
        return f"last lines of its log:\n{self.last_words()}"

    def last_words(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def save(url: str) -> None:
    """Returns when all that the emulator has done so far would survive its end. Raises ProcessFailedError."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=SAVE_TIMEOUT_S)
    try:
        connection.request("POST", SAVE_PATH)
        if connection.getresponse().status != http.HTTPStatus.NO_CONTENT:
            raise ProcessFailedError(f"what listens at {url} is not the laptop cloud")
    except (OSError, http.client.HTTPException) as failure:
        raise ProcessFailedError(f"the laptop cloud ended while it saved its state: {failure}") from failure
    finally:
        connection.close()


@contextmanager
def running(state_dir: Path, port: int) -> Iterator[Emulator]:
    """The emulator on `port`, with the state saved in `state_dir`, until the block ends.

    Raises ProcessFailedError if the port is in use, the disk is full, or the emulator does not start.
    """
    if not is_port_free(port):
        raise ProcessFailedError(f"port {port} is in use: choose another with PORT=...")
    _make_room(state_dir)
    move_to_port(state_dir / "state", port)
    ensure(Environment(TOOLS / "cloud", REQUIREMENTS / "cloud.txt"))
    emulator = _started(state_dir, port)
    try:
        _wait_for(emulator)
        yield emulator
    finally:
        with uninterrupted():
            stop_group(emulator.process, STOP_GRACE_S)


def _make_room(state_dir: Path) -> None:
    """The workers' directories of an emulator that was killed are of no use to anybody."""
    shutil.rmtree(state_dir / "tmp", ignore_errors=True)
    for name in ("state", "objects", "tmp"):
        (state_dir / name).mkdir(parents=True, exist_ok=True)
    require_space(state_dir)


def _started(state_dir: Path, port: int) -> Emulator:
    log = state_dir / "emulator.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            # The state directory is named so that a list of processes tells whose emulator it is.
            [TOOLS / "cloud" / "bin" / "python", ROOT / "local" / "emulated", state_dir],
            cwd=state_dir,
            env=_environment(state_dir, port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A process group of its own: Ctrl-C reaches only this process, which decides when and how the emulator
            # stops.
            start_new_session=True,
            preexec_fn=_stop_when_parent_dies,  # noqa: PLW1509 - no thread of ours runs yet
        )
    return Emulator(process, port, log)


def _environment(state_dir: Path, port: int) -> dict[str, str]:
    """Without the caller's AWS settings: the emulator and the functions inherit this environment."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(state_dir),
        "TMPDIR": str(state_dir / "tmp"),
        "LANG": "C.UTF-8",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state_dir / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state_dir / "objects"),
        "LAMBDA_WARM_TTL_SECONDS": "20",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        # No container engine, even if one is installed: the functions run as processes.
        "DOCKER_HOST": f"unix://{state_dir}/no-container-engine",
    }


def _stop_when_parent_dies() -> None:
    """Linux: the emulator also stops if its supervisor is killed, after it has saved its state."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_for(emulator: Emulator) -> None:
    try:
        wait_until(partial(_is_ready, emulator.port), emulator.process, "the laptop cloud", START_TIMEOUT_S)
    except ProcessFailedError as failure:
        raise ProcessFailedError(f"{failure}; {emulator.why_it_ended()}") from failure


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
