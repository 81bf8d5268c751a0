"""Answers as servers may send them, over real sockets."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError, SSLError

from shared.adapters.aws_environment import ca_bundle
from shared.adapters.http_connections import Connections, Patience

PATIENCE = Patience(connect_timeout_s=5, read_timeout_s=5, connections_max=2)
HASTE = Patience(connect_timeout_s=5, read_timeout_s=0.2, connections_max=2)

Serve = Callable[..., Connections]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Makes a server of one connection, which gives each request the next answer in its pieces. None: it hangs up."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def start(*answers: list[bytes | None], patience: Patience = PATIENCE) -> Connections:
            Thread(target=_serve, args=(listening, list(answers)), daemon=True).start()
            return Connections("127.0.0.1", listening.getsockname()[1], None, patience)

        yield start


def _serve(listening: socket.socket, answers: list[list[bytes | None]]) -> None:
    opened, _ = listening.accept()
    with opened:
        while _request(opened):
            for piece in answers.pop(0):
                if piece is None:
                    return
                opened.sendall(piece)


def _request(opened: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"the body"):
        if not (more := opened.recv(65_536)):
            return b""
        received += more
    return received


def post(connections: Connections) -> Any:
    return connections.post({"host": "h"}, b"the body")


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("pieces", "status", "body"),
    [
        ([OK], 200, b"{}"),
        ([OK[n : n + 1] for n in range(len(OK))], 200, b"{}"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"], 200, b"abcde"),
        (
            [b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\nA\r\n0123", b"456789\r\n0\r\nT: v\r\n\r\n"],
            200,
            b"0123456789",
        ),
        ([b"HTTP/1.1 200 OK\r\n\r\nto the end", None], 200, b"to the end"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", OK], 200, b"{}"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], 204, b""),
        ([b"HTTP/1.1 400 Bad\r\ncontent-length:0\r\n\r\n"], 400, b""),
        ([b"HTTP/1.1 500\r\ncontent-length: 1\r\n\r\nx"], 500, b"x"),
    ],
)
def test_an_answer_is_read_whole_however_it_comes(
    serve: Serve, pieces: list[bytes | None], status: int, body: bytes
) -> None:
    answer = post(serve(pieces))
    assert (answer.status, answer.body) == (status, body)


def test_names_of_headers_are_in_lower_case(serve: Serve) -> None:
    answer = post(serve([b"HTTP/1.1 200 OK\r\nX-Amz-Crc32:  12 \r\nContent-Length: 0\r\n\r\n"]))
    assert answer.headers == {"x-amz-crc32": "12", "content-length": "0"}


@pytest.mark.parametrize(
    "pieces",
    [
        [None],
        [b"HTTP/1.1 200 OK\r\nContent-Le", None],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", None],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", None],
        [b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n"],
        [b"HTTP/1.1 two OK\r\nContent-Length: 2\r\n\r\n{}"],
        [b"HTTP/2 200\r\ncontent-length: 2\r\n\r\n{}"],
        [b"SSH-2.0-OpenSSH\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, None],
    ],
)
def test_what_is_no_whole_answer_is_a_lost_one(serve: Serve, pieces: list[bytes | None]) -> None:
    connections = serve(pieces)
    with pytest.raises(ConnectionClosedError):
        post(connections)
    assert not connections._idle


def test_an_answer_that_stops_is_a_timeout(serve: Serve) -> None:
    connections = serve([b"HTTP/1.1 200 OK\r\n"], patience=HASTE)
    with pytest.raises(ReadTimeoutError):
        post(connections)
    assert not connections._idle


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}more than was said",
    ],
)
def test_a_connection_is_kept_only_where_the_next_answer_is_the_next_requests(serve: Serve, first: bytes) -> None:
    connections = serve([first])
    assert post(connections).body == b"{}"
    assert not connections._idle


def test_a_connection_is_used_again_and_no_more_are_kept_than_asked_for(serve: Serve) -> None:
    connections = serve([OK], [OK], [OK])
    post(connections)
    (first,) = connections._idle
    post(connections)
    assert list(connections._idle) == [first]
    connections.forget()
    assert not connections._idle
    assert first._socket.fileno() == -1


def test_a_server_that_speaks_no_tls_is_asked_nothing() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def hang_up() -> None:
            opened, _ = listening.accept()
            opened.sendall(b"HTTP/1.1 400 this is no TLS\r\n\r\n")
            opened.recv(65_536)
            opened.close()

        thread = Thread(target=hang_up)
        thread.start()
        connections = Connections("127.0.0.1", listening.getsockname()[1], ca_bundle(), PATIENCE)
        with pytest.raises((SSLError, ConnectionClosedError)):
            post(connections)
        thread.join()


def test_a_server_that_does_not_finish_the_handshake_is_not_connected() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        haste = Patience(connect_timeout_s=0.2, read_timeout_s=5, connections_max=2)
        with pytest.raises(ConnectTimeoutError):
            post(Connections("127.0.0.1", silent.getsockname()[1], ca_bundle(), haste))
