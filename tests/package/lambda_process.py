"""A built function under the runtime client that Lambda itself runs, with stand-ins for what surrounds it there.

The client takes invocations from an HTTP API on this machine, as it does on Lambda, and prints what Lambda would read.
Only AWS's services are no real ones: they answer like an empty account, refuse permission, or fail.
"""

import base64
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from local.environments import ensure
from local.lambda_runtime import CLIENT

Mood: TypeAlias = Literal["empty", "forbidden", "down"]

REGION: Final = "eu-west-1"
REQUEST_ID: Final = "AWS-REQUEST-1"
LONGEST_RUN_MS: Final = 900_000
SAFETY_S: Final = 60
"""Ends a test whose function hangs; nothing is measured by it."""
START: Final = """
import sys
sys.path[:0] = sys.argv.pop(1).split(":")
from awslambdaric.__main__ import main
main(sys.argv)
"""
_XML_ERROR: Final = "<Error><Code>{}</Code><Message>no</Message></Error>"
_EMPTY: Final[Mapping[str, Mapping[str, Any]]] = {
    "DynamoDB_20120810.GetItem": {},
    "DynamoDB_20120810.Query": {"Items": [], "Count": 0, "ScannedCount": 0},
    "DynamoDB_20120810.Scan": {"Items": [], "Count": 0, "ScannedCount": 0},
    "DynamoDB_20120810.PutItem": {},
    "DynamoDB_20120810.TransactWriteItems": {},
    "AWSEvents.PutEvents": {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]},
    "AmazonSQS.SendMessage": {"MessageId": "1"},
    "TrentService.Sign": {
        "KeyId": "key",
        "Signature": base64.b64encode(b"signature").decode(),
        "SigningAlgorithm": "RSASSA_PSS_SHA_256",
    },
    "TrentService.GetPublicKey": {"PublicKey": base64.b64encode(b"key").decode()},
}


@dataclass
class Services:
    """AWS's services, all of them at one address. `objects` are the bucket's, by name."""

    mood: Mood = "empty"
    objects: dict[str, bytes] = field(default_factory=dict)

    def answer(self, method: str, path: str, target: str | None, body: bytes) -> tuple[int, bytes]:
        status, code = {"empty": (200, ""), "forbidden": (400, "AccessDeniedException")}.get(
            self.mood, (500, "InternalServerError")
        )
        if target is not None:
            said = _EMPTY[target] if self.mood == "empty" else {"__type": f"of.aws#{code}", "message": "no"}
            return status, json.dumps(said).encode()
        if self.mood != "empty":
            return status, _xml_error(code)
        return (202, b"") if path.endswith("/invocations") else self._of_bucket(method, path, body)

    def _of_bucket(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(path)
        name = unquote(parts.path).removeprefix("/digests").removeprefix("/")
        query = parse_qs(parts.query, keep_blank_values=True)
        if method == "PUT":
            self.objects[name] = body
            return 200, b""
        if "versions" in query:
            return 200, _versions(sorted(each for each in self.objects if each.startswith(query["prefix"][0])))
        return (200, self.objects[name]) if name in self.objects else (404, _xml_error("NoSuchKey"))


def _xml_error(code: str) -> bytes:
    return _XML_ERROR.format(code).encode()


def _versions(names: list[str]) -> bytes:
    rows = (
        f"<Version><Key>{name}</Key><VersionId>1</VersionId><LastModified>2026-01-01T00:00:00.000Z</LastModified></Version>"
        for name in names
    )
    return f"<ListVersionsResult><IsTruncated>false</IsTruncated>{''.join(rows)}</ListVersionsResult>".encode()


@dataclass
class Process:
    """A function that runs. `printed` is whole once it has ended."""

    services: Services
    events: "queue.Queue[Mapping[str, Any]]" = field(default_factory=queue.Queue)
    answers: "queue.Queue[tuple[str, Any]]" = field(default_factory=queue.Queue)
    printed: str = ""

    def invoke(self, event: Mapping[str, Any], mood: Mood) -> tuple[str, Any]:
        """What became of it, `response` or `error`, and what was answered."""
        self.services.mood = mood
        self.events.put(event)
        return self.answers.get(timeout=SAFETY_S)


@contextmanager
def running(handler: str, path: list[Path], variables: Mapping[str, str], services: Services) -> Iterator[Process]:
    """The function `handler` of the code in `path`, under a runtime client that was given these variables."""
    process = Process(services)
    with _served(_runtime_api(process)) as api, _served(_service_api(services)) as aws:
        child = subprocess.Popen(
            [sys.executable, "-I", "-B", "-S", "-c", START, ":".join(map(str, path)), handler],
            env=_of_lambda(api) | {"AWS_ENDPOINT_URL": f"http://{aws}"} | dict(variables),
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            child.kill()
            process.printed = child.communicate()[0]


def runtime_client() -> Path:
    """The runtime client alone, as Lambda has it beside the code: nothing of this environment is importable."""
    ensure(CLIENT)
    (packages,) = CLIENT.directory.glob("lib/python3*/site-packages")
    return packages


def _of_lambda(api: str) -> dict[str, str]:
    """The variables that Lambda sets, for functions whose LoggingConfig is that of template.yaml."""
    return {
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_LAMBDA_FUNCTION_NAME": "millicent",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
        "TZ": ":UTC",
        # On Lambda a package is read-only.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A function that is killed while it waits resets its connection, as does one that gives up on an answer."""


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, _format: str, *args: object) -> None:
        """Says nothing of its requests."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _runtime_api(process: Process) -> type[BaseHTTPRequestHandler]:
    class RuntimeApi(_Quiet):
        """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""

        def do_GET(self) -> None:
            event = process.events.get()
            invocation = {
                "Lambda-Runtime-Aws-Request-Id": "8a7f1d3e-0000-4000-8000-000000000000",
                "Lambda-Runtime-Deadline-Ms": str(1000 * int(time.time()) + LONGEST_RUN_MS),
                "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{REGION}:123456789012:function:millicent",
            }
            self.reply(200, json.dumps(event).encode(), {"Content-Type": "application/json"} | invocation)

        def do_POST(self) -> None:
            said = json.loads(self.body() or b"null")
            self.reply(202, b'{"status":"OK"}', {"Content-Type": "application/json"})
            process.answers.put((self.path.rsplit("/", 1)[-1], said))

    return RuntimeApi


def _service_api(services: Services) -> type[BaseHTTPRequestHandler]:
    class ServiceApi(_Quiet):
        def answered(self) -> None:
            status, body = services.answer(self.command, self.path, self.headers.get("X-Amz-Target"), self.body())
            self.reply(status, body, {"x-amzn-RequestId": REQUEST_ID, "Content-Type": "application/x-amz-json-1.0"})

        do_GET = do_PUT = do_POST = answered  # noqa: N815 - the names that the standard library looks for

    return ServiceApi
