"""The client over a real connection, which is cut."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from millicent import Millicent, RetryPolicy, Unreachable
from tests.unit.sdk.fake_service import TOKEN, FakeService

pytestmark = pytest.mark.enable_socket


def pass_on(_: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
    return serve()


class CutsFirstAnswers(ThreadingHTTPServer):
    """Serves the fake service, but hangs up instead of giving the first `cuts` answers."""

    def __init__(self, service: FakeService, cuts: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.inner = httpx.Client(transport=service.transport, base_url="http://127.0.0.1")
        self.cuts = cuts

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: CutsFirstAnswers

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.inner.post(self.path, content=body, headers=dict(self.headers))
        if self.server.cuts:
            self.server.cuts -= 1
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        if "Idempotency-Replayed" in answer.headers:
            self.send_header("Idempotency-Replayed", "true")
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Silent: a test has its assertions."""


@pytest.fixture
def server(service: FakeService) -> Iterator[CutsFirstAnswers]:
    with CutsFirstAnswers(service, cuts=2) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        server.inner.close()


def test_a_charge_whose_connection_was_cut_after_it_applied_is_applied_once(
    service: FakeService, server: CutsFirstAnswers
) -> None:
    service.fund("user:alice", 100)
    with Millicent(server.url, TOKEN, retry=RetryPolicy(base_s=0.001)) as client:
        receipt = client.charge("user:alice", 10)
    assert receipt.replayed
    assert len(service.seen) == 3
    assert service.available("user:alice") == 90


def test_a_port_that_nobody_listens_on_is_unreachable() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        with (
            Millicent(url, TOKEN, retry=RetryPolicy(deadline_s=0.05, base_s=0.001)) as client,
            pytest.raises(Unreachable, match="cannot be reached"),
        ):
            client.charge("user:alice", 10)


def test_ctrl_c_ends_a_replay_with_the_summary_so_far_and_the_next_run_does_the_rest(
    service: FakeService, server: CutsFirstAnswers, tmp_path: Path
) -> None:
    """Row 20 is not answered before the signal was sent, so the run cannot end before it."""
    service.fund("user:alice", 10**6)
    (tmp_path / "usage.csv").write_text("user,model,input_tokens,output_tokens\n" + "user:alice,gpt-4o,1,1\n" * 500)
    at_row_20, signal_sent = threading.Event(), threading.Event()

    def wait_for_signal(_: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
        at_row_20.set()
        signal_sent.wait(timeout=60)
        return serve()

    service.faults = deque([*[pass_on] * 20, wait_for_signal])
    command = [sys.executable, "-m", "millicent", "--url", server.url, "--token", TOKEN, "replay", "usage.csv"]
    with subprocess.Popen(
        [*command, "--concurrency", "2"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_listen_to_ctrl_c,  # noqa: PLW1509 - no thread of ours holds a lock that it needs
    ) as process:
        assert at_row_20.wait(timeout=60)
        process.send_signal(signal.SIGINT)
        signal_sent.set()
        output, _ = process.communicate(timeout=60)
    first = json.loads(output.splitlines()[-1])
    assert (process.returncode, first["interrupted"]) == (130, True)
    assert 0 < first["requests"] < 500
    again = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(again.splitlines()[-1])["replayed"] >= first["requests"]
    assert service.charges().total() == 500


def _listen_to_ctrl_c() -> None:
    # What runs in the background of a script inherits that the signal is ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine_itself(
    service: FakeService, server: CutsFirstAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    service.fund("user:alice", 100)
    with Millicent(server.url, TOKEN, retry=RetryPolicy(base_s=0.001)) as client:
        assert client.check("user:alice").allowed
