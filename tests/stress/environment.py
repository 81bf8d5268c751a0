"""Execution environments: processes that run the functions as Lambda does, one invocation at a time, and can be killed.

They are forked from a process that has imported the handlers, so that one more costs milliseconds. A handler that
raises ends its environment.
"""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any, Final

HANDLER_TIME_LIMIT_S: Final = 60
"""Above any deadline of a function's own."""

_context = multiprocessing.get_context("forkserver")
_starting = Lock()


class EnvironmentEndedError(Exception):
    """There is no answer: the environment was killed, or its handler raised."""


@dataclass(frozen=True)
class Context:
    """What Lambda tells a handler about its invocation."""

    function_name: str
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:millicent"
    aws_request_id: str = "8a7f1d3e-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return HANDLER_TIME_LIMIT_S * 1000


def prepare(functions: Iterable[str]) -> None:
    """Names the functions to import before the first environment is started."""
    _context.set_forkserver_preload([f"functions.{name}.handler" for name in functions])


class Environment:
    """One at a time may invoke. A new process takes the place of one that ended."""

    def __init__(self) -> None:
        self._start()

    def invoke(self, function: str, event: Mapping[str, Any], kill_after_ms: int | None = None) -> Any:
        """Raises EnvironmentEndedError. `kill_after_ms`: as many milliseconds after the event was handed over."""
        try:
            self._connection.send((function, json.dumps(event)))
            return json.loads(self._answer(kill_after_ms))
        except (EOFError, ConnectionError) as ended:
            self._replace()
            raise EnvironmentEndedError(function) from ended

    def close(self) -> None:
        """Its process ends with the connection."""
        self._connection.close()
        self._process.join()

    def _answer(self, kill_after_ms: int | None) -> str:
        time_limit_s = HANDLER_TIME_LIMIT_S if kill_after_ms is None else kill_after_ms / 1000
        has_answered = self._connection.poll(time_limit_s)
        if kill_after_ms is not None or not has_answered:
            # Where it has answered by now, nobody hears it.
            self._process.kill()
            raise ConnectionAbortedError
        text: str = self._connection.recv()
        return text

    def _replace(self) -> None:
        self._connection.close()
        self._process.join()
        self._start()

    def _start(self) -> None:
        with _starting:
            self._connection, others = _context.Pipe()
            self._process = _context.Process(target=_serve, args=(others,), daemon=True)
            self._process.start()
            others.close()


def _serve(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _be_quiet()
    while (invocation := _received(connection)) is not None:
        function, event = invocation
        handler = import_module(f"functions.{function}.handler").lambda_handler
        answer = handler(json.loads(event), Context(f"millicent-{function}"))
        with suppress(BrokenPipeError):
            connection.send(json.dumps(answer))


def _received(connection: Connection) -> tuple[str, str] | None:
    """None when whoever invokes is gone."""
    try:
        invocation: tuple[str, str] = connection.recv()
    except (EOFError, ConnectionError):
        return None
    return invocation


def _be_quiet() -> None:
    """Logs and metrics are written as ever, to nobody."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
