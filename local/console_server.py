"""The files of console/ as they are on the disk, before the laptop cloud that runs: for work on the console.

What is asked below /console is answered from here, and everything else by the laptop cloud, so that the page finds its
API where it looks for it.
"""

import http.client
import json
import re
import sys
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from functions.console.files import Site, policy
from local import console
from local.console_pack import NotPackable
from local.endpoint import Endpoint, read_endpoint
from local.paths import STATE
from local.processes import ProcessFailedError

PREFIX: Final = "/console"
NOT_FORWARDED: Final = frozenset({"host", "connection", "transfer-encoding", "content-length", "accept-encoding"})
TIMEOUT_S: Final = 60
PLAIN: Final = {"Content-Type": "text/plain; charset=utf-8"}


def serve(state_dir: Path = STATE, port: int = 0) -> None:
    """Until Ctrl-C. Raises ProcessFailedError if no laptop cloud runs."""
    endpoint = read_endpoint(state_dir)
    if endpoint is None:
        raise ProcessFailedError("no laptop cloud is running: start it with `make up`")
    server = ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, endpoint, state_dir))
    print(f"http://127.0.0.1:{server.server_port}{PREFIX}#token={endpoint.tokens['admin']}", flush=True)
    server.serve_forever()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def __init__(self, endpoint: Endpoint, state_dir: Path, *arguments: object) -> None:
        self._endpoint = endpoint
        self._state_dir = state_dir
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == f"{PREFIX}/config.json" or not path.startswith(PREFIX):
            self._forward()
        else:
            self._from_disk(unquote(path.removeprefix(PREFIX).removeprefix("/")))

    def do_POST(self) -> None:
        self._forward()

    def do_PUT(self) -> None:
        self._forward()

    def do_PATCH(self) -> None:
        self._forward()

    def do_DELETE(self) -> None:
        self._forward()

    def _from_disk(self, name: str) -> None:
        try:
            site = Site(console.built())
        except (ProcessFailedError, NotPackable, KeyError) as failure:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, f"the console cannot be built: {failure}".encode(), PLAIN)
            return
        if name in {"", console.INDEX}:
            page = site.page("" if urlsplit(self.path).path.endswith("/") else "console/")
            # Each module alone, so that a debugger shows the sources.
            content = re.sub(r'(<script [^>]*src="[^"]*)src/pack\.\w+\.js', r"\1src/main.js", page.content)
            self._answer(HTTPStatus.OK, content.encode(), {"Content-Security-Policy": policy(page, ())})
        elif found := site.file(name):
            self._answer(HTTPStatus.OK, found.content, {"Content-Type": found.type, "Cache-Control": found.cache})
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"", {})

    def _forward(self) -> None:
        """To the laptop cloud as it is now: its tokens and its port may have changed."""
        there = urlsplit((read_endpoint(self._state_dir) or self._endpoint).base_url)
        connection = http.client.HTTPConnection(there.netloc, timeout=TIMEOUT_S)
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_FORWARDED}
        try:
            connection.request(self.command, there.path + self.path, self.rfile.read(length) or None, headers)
            answer = connection.getresponse()
            found = {name: value for name, value in answer.getheaders() if name.lower() not in NOT_FORWARDED}
            self._answer(answer.status, answer.read(), found)
        except OSError as failure:
            message = json.dumps({"message": f"the laptop cloud does not answer: {failure}"})
            self._answer(HTTPStatus.BAD_GATEWAY, message.encode(), {"Content-Type": "application/json"})
        finally:
            connection.close()

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "text/html; charset=utf-8"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is the library's
        print(format % arguments, file=sys.stderr)
