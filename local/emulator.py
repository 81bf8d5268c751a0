"""The emulated AWS: one ministack process with a state directory of its own, reachable from this machine alone."""

import ctypes
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from local.environments import Environment, ensure
from local.paths import REQUIREMENTS, TOOLS
from local.processes import ProcessFailedError, is_port_free, stop_group, wait_until
from local.signals import uninterrupted

START_TIMEOUT_S: Final = 60
STOP_GRACE_S: Final = 60
"""It writes all state down when it stops, and losing it would be losing the ledger."""

REGION: Final = "eu-central-1"
ROOT_KEY: Final = "test"
"""The emulator takes this access key for the account's root user."""

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

    def last_words(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def running(state_dir: Path, port: int) -> Iterator[Emulator]:
    """The emulator on `port`, with what `state_dir` holds from last time, until the block ends.

    Raises ProcessFailedError when the port is taken or it does not come up.
    """
    if not is_port_free(port):
        raise ProcessFailedError(f"port {port} is in use: choose another with PORT=...")
    ensure(Environment(TOOLS / "cloud", REQUIREMENTS / "cloud.txt"))
    emulator = _started(state_dir, port)
    try:
        _wait_for(emulator)
        yield emulator
    finally:
        with uninterrupted():
            stop_group(emulator.process, STOP_GRACE_S)


def _started(state_dir: Path, port: int) -> Emulator:
    for name in ("state", "objects", "tmp"):
        (state_dir / name).mkdir(parents=True, exist_ok=True)
    log = state_dir / "emulator.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [TOOLS / "cloud" / "bin" / "ministack"],
            cwd=state_dir,
            env=_environment(state_dir, port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C reaches us alone, and we decide when and how it stops.
            start_new_session=True,
            preexec_fn=_stop_when_parent_dies,  # noqa: PLW1509 - no thread of ours runs yet
        )
    return Emulator(process, port, log)


def _environment(state_dir: Path, port: int) -> dict[str, str]:
    """Nothing of the caller's AWS settings gets in: the emulator and the functions inherit what is given here."""
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
        # No container engine, even where there is one: the functions run as processes.
        "DOCKER_HOST": f"unix://{state_dir}/no-container-engine",
    }


def _stop_when_parent_dies() -> None:
    """Linux: even a killed supervisor leaves no emulator behind. It still gets to save its state."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_for(emulator: Emulator) -> None:
    try:
        wait_until(partial(_is_ready, emulator.port), emulator.process, "the laptop cloud", START_TIMEOUT_S)
    except ProcessFailedError as failure:
        raise ProcessFailedError(f"{failure}; last lines of its log:\n{emulator.last_words()}") from failure


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
