"""Containers reach the laptop cloud at an address that is forwarded to it."""

import asyncio
import contextlib
import socketserver
import threading
from collections.abc import Iterator

import pytest

from local.forwarding import check_own_address, forward
from local.processes import free_port, is_port_free

LISTENING_AT = "127.0.0.1"


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(self.rfile.readline().upper())


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that answers a line in capitals; its port."""
    with socketserver.ThreadingTCPServer((LISTENING_AT, 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


async def said(port: int, words: bytes) -> bytes:
    """The answer by way of a forwarded port."""
    listening = free_port()
    forwarding = asyncio.create_task(forward(LISTENING_AT, port, listening))
    try:
        return await asyncio.wait_for(_asked(listening, words), timeout=30)
    finally:
        forwarding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await forwarding


async def _asked(port: int, words: bytes) -> bytes:
    while is_port_free(port):  # noqa: ASYNC110 - another task opens it, and says nothing
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection(LISTENING_AT, port)
    writer.write(words)
    answer = await reader.read()
    writer.close()
    return answer


def test_what_is_sent_and_what_is_answered_go_through(echo: int) -> None:
    assert asyncio.run(said(echo, b"hello\n")) == b"HELLO\n"


def test_where_nothing_listens_the_connection_is_closed() -> None:
    assert asyncio.run(said(free_port(), b"hello\n")) == b""


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OSError, match="assign"):
        check_own_address("192.0.2.1")
