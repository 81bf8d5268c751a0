"""Connections to one server that stay open, for one kind of request: a POST whose answer is read as a whole.

Connection, TLS and names are the standard library's. Its `http.client` reads an answer's head with the parser of mails
and is most of a small call's time; with urllib3 around it, it is a tenth of a cold start too. Here a request is one
packet, and an answer its status, its headers and its body.
"""

import ssl
from collections import deque
from collections.abc import Mapping
from http import HTTPStatus
from select import POLLIN, poll
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection, socket
from typing import Final, NamedTuple
from weakref import finalize

from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)

from shared.ledger.frozen import dataclass

_END_OF_HEAD: Final = b"\r\n\r\n"
_END_OF_LINE: Final = b"\r\n"
_HEAD_BYTES_MAX: Final = 65_536
_READ_BYTES: Final = 65_536
_WITHOUT_BODY: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call waits for a connection and for an answer, and how many connections are kept open at most."""

    connect_timeout_s: float
    read_timeout_s: float
    connections_max: int


class Answer(NamedTuple):
    """Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Malformed(Exception):
    """What came is not HTTP, or the server ended it too early."""


class Connections:
    """`ca_bundle` is a file of certificates to trust; None for a server without TLS."""

    def __init__(self, host: str, port: int, ca_bundle: str | None, patience: Patience) -> None:
        self._address = host, port
        self._url = f"{'http' if ca_bundle is None else 'https'}://{host}:{port}"
        self._tls = None if ca_bundle is None else ssl.create_default_context(cafile=ca_bundle)
        self._patience = patience
        self._idle: deque[_Connection] = deque()
        finalize(self, _close, self._idle)

    def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Sent once, to `/`. Raises botocore's exceptions: ConnectionClosedError also for what is not HTTP."""
        connection = self._taken() or self._opened()
        try:
            connection.send(headers, body)
            answer, stays_open = connection.answer()
        except (_Malformed, OSError) as failure:
            connection.close()
            raise self._lost(failure) from failure
        except BaseException:
            connection.close()
            raise
        if stays_open and len(self._idle) < self._patience.connections_max:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def forget(self) -> None:
        """Closes what is idle: after a snapshot nobody is at the other end."""
        _close(self._idle)

    def _taken(self) -> "_Connection | None":
        """The one that was used last, unless the server has ended it meanwhile."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took it
                return None
            if not connection.has_news:
                return connection
            connection.close()
        return None

    def _opened(self) -> "_Connection":
        try:
            plain = create_connection(self._address, self._patience.connect_timeout_s)
        except TimeoutError as failure:
            raise ConnectTimeoutError(endpoint_url=self._url, error=failure) from failure
        except OSError as failure:
            raise EndpointConnectionError(endpoint_url=self._url, error=failure) from failure
        try:
            plain.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            secured = plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=self._address[0])
            secured.settimeout(self._patience.read_timeout_s)
        except OSError as failure:
            plain.close()
            raise self._not_secured(failure) from failure
        return _Connection(secured)

    def _not_secured(self, failure: OSError) -> Exception:
        if isinstance(failure, ssl.SSLError):
            return SSLError(endpoint_url=self._url, error=failure)
        if isinstance(failure, TimeoutError):
            return ConnectTimeoutError(endpoint_url=self._url, error=failure)
        return ConnectionClosedError(endpoint_url=self._url, error=failure)

    def _lost(self, failure: Exception) -> Exception:
        kind = ReadTimeoutError if isinstance(failure, TimeoutError) else ConnectionClosedError
        return kind(endpoint_url=self._url, error=failure)


def _close(idle: "deque[_Connection]") -> None:
    while idle:
        idle.pop().close()


class _Connection:
    """One open connection, used by one thread at a time."""

    def __init__(self, opened: socket) -> None:
        self._socket = opened
        self._poll = poll()
        self._poll.register(opened, POLLIN)
        self._received = b""

    @property
    def has_news(self) -> bool:
        """Of an idle connection: the server has ended it, or says what nobody asked for."""
        return bool(self._poll.poll(0))

    def close(self) -> None:
        self._socket.close()

    def send(self, headers: Mapping[str, str], body: bytes) -> None:
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"POST / HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode("latin-1") + body)

    def answer(self) -> tuple[Answer, bool]:
        """The answer, and whether the server keeps the connection. Raises _Malformed or OSError."""
        status, headers, stays_open = _parsed_head(self._until(_END_OF_HEAD, _HEAD_BYTES_MAX))
        while status < HTTPStatus.OK:  # an interim answer
            status, headers, stays_open = _parsed_head(self._until(_END_OF_HEAD, _HEAD_BYTES_MAX))
        if "chunked" in headers.get("transfer-encoding", "").lower():
            body = self._chunks()
        elif status in _WITHOUT_BODY:
            body = b""
        elif (length := headers.get("content-length")) is not None:
            body = self._exactly(_number(length, 10))
        else:
            body, stays_open = self._rest(), False
        return Answer(status, headers, body), stays_open and not self._received

    def _more(self) -> bytes:
        received = self._socket.recv(_READ_BYTES)
        if not received:
            raise _Malformed("the server ended the connection before its answer")
        return received

    def _until(self, end: bytes, bytes_max: int) -> bytes:
        received = self._received
        while (found := received.find(end)) < 0:
            if len(received) > bytes_max:
                raise _Malformed("the head of the answer is too long")
            received += self._more()
        self._received = received[found + len(end) :]
        return received[:found]

    def _exactly(self, length: int) -> bytes:
        parts, missing = [self._received], length - len(self._received)
        while missing > 0:
            parts.append(self._more())
            missing -= len(parts[-1])
        received = b"".join(parts)
        self._received = received[length:]
        return received[:length]

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        while length := _number(self._until(_END_OF_LINE, _HEAD_BYTES_MAX).partition(b";")[0].decode("latin-1"), 16):
            parts.append(self._exactly(length))
            self._exactly(len(_END_OF_LINE))
        while self._until(_END_OF_LINE, _HEAD_BYTES_MAX):
            pass  # what follows the last chunk, up to an empty line
        return b"".join(parts)

    def _rest(self) -> bytes:
        parts = [self._received]
        while received := self._socket.recv(_READ_BYTES):
            parts.append(received)
        return b"".join(parts)


def _parsed_head(head: bytes) -> tuple[int, dict[str, str], bool]:
    """Status, headers, and whether the server keeps the connection open. Raises _Malformed."""
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if version not in {"HTTP/1.1", "HTTP/1.0"}:
        raise _Malformed("the answer does not begin as HTTP/1 does")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    stays_open = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return _number(rest[:3], 10), headers, stays_open


def _number(digits: str, base: int) -> int:
    try:
        number = int(digits, base)
    except ValueError as not_one:
        raise _Malformed(f"{digits[:20]!r} in the answer is not a number") from not_one
    if number < 0:
        raise _Malformed(f"{digits[:20]!r} in the answer is below zero")
    return number
