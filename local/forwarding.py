"""Lets containers reach the laptop cloud, which listens on 127.0.0.1 alone, at one more address."""

import asyncio
import contextlib
import socket
from asyncio import StreamReader, StreamWriter
from typing import Final

CHUNK_BYTES: Final = 64 * 1024


def check_own_address(host: str) -> None:
    """Raises OSError for an address that is none of this machine's."""
    with socket.socket() as probe:
        probe.bind((host, 0))


async def forward(host: str, port: int, listen_port: int | None = None) -> None:
    """From `host` to 127.0.0.1, on the same port or from `listen_port`, until it is cancelled.

    Raises OSError for an address that is none of this machine's, or where somebody listens already.
    """

    async def connected(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))

    server = await asyncio.start_server(connected, host, listen_port or port)
    async with server:
        await server.serve_forever()


async def _copy(source: StreamReader, sink: StreamWriter) -> None:
    """Until one side ends."""
    with contextlib.suppress(ConnectionError):
        while chunk := await source.read(CHUNK_BYTES):
            sink.write(chunk)
            await sink.drain()
    sink.close()
