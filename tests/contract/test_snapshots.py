"""SnapStart: what is in a snapshot, and what each copy makes for itself. Lambda's hooks are played by the test."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest

from shared.adapters import snapshots
from shared.adapters.http_connections import Connections, Patience
from tests.contract.test_without_botocore import ROOT, SETTINGS

SNAPSHOTTED = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start", "AWS_DEFAULT_REGION": "eu-central-1"}
HOOKS = """
import sys, types
hooks = types.ModuleType("snapshot_restore_py")
restored = []
hooks.register_after_restore = restored.append
sys.modules["snapshot_restore_py"] = hooks
"""
A_COPY_OF_THE_SNAPSHOT = f"""
{HOOKS}
import functions.cost.handler as cost
from shared.ledger.accounts import Account
import json, urllib.request
def asked():
    return json.loads(urllib.request.urlopen(sys.argv[1] + "/asked").read())
in_the_snapshot = asked()
for each in restored:
    each()
cost.runtime.ledger.state(Account("main", "user:alice"))
cost.runtime.ledger.state(Account("main", "user:bob"))
print(json.dumps({{"hooks": len(restored), "in_the_snapshot": in_the_snapshot, "afterwards": asked()}}))
"""


@contextmanager
def served() -> Iterator[str]:
    """A container role's credentials, and a DynamoDB without items; and what of them was asked so far."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/credentials":
                asked.append("credentials")
                expires = "2999-01-01T00:00:00Z"
                self.give({"AccessKeyId": "AKIDROLE", "SecretAccessKey": "s", "Token": "t", "Expiration": expires})
            else:
                self.give(asked)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            asked.append(self.headers["authorization"].split("Credential=")[1].split("/")[0])
            self.give({})

        def give(self, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_snapshot_has_asked_nothing_and_its_copy_gets_the_credentials_of_the_role(tmp_path: Path) -> None:
    with served() as url:
        environment = {
            **SETTINGS,
            **SNAPSHOTTED,
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/credentials",
            "AWS_ENDPOINT_URL_DYNAMODB": url,
        }
        command = [sys.executable, "-c", A_COPY_OF_THE_SNAPSHOT, url]
        told = json.loads(subprocess.check_output(command, env=environment, cwd=ROOT, text=True))
    assert told["in_the_snapshot"] == []
    assert told["hooks"] > 0
    assert told["afterwards"] == ["credentials", "AKIDROLE", "AKIDROLE"]


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    registered: list[Callable[[], object]] = []
    library: Any = ModuleType("snapshot_restore_py")
    library.register_after_restore = registered.append
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", library)
    return registered


def test_a_copy_gives_up_the_connections_of_the_snapshot(
    hooks: list[Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    with served() as url:
        connections = Connections("127.0.0.1", int(url.rpartition(":")[2]), None, Patience(5, 5, 2))
        snapshots.in_every_copy(connections.forget)
        idle = connections._opened()
        connections._idle.append(idle)
        for each in hooks:
            each()
        assert not connections._idle
        assert idle._socket.fileno() == -1


def test_where_nothing_is_snapshotted_nothing_is_registered(
    hooks: list[Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_INITIALIZATION_TYPE", raising=False)
    snapshots.in_every_copy(lambda: None)
    assert hooks == []
