"""What the requests that reach the emulator mean for what it has to save."""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from local.emulated.queues import DurableQueues
from local.emulated.saved_state import SavedState

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Any, Send], Awaitable[None]]
"""ASGI."""

SAVE_PATH: Final = "/_millicent/save"
SIGNED_FOR: Final = re.compile(rb"Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/aws4_request")
QUEUES: Final = "sqs"
NOTHING_TO_SAVE: Final = frozenset({"dynamodb", "logs", "monitoring", "sts"})
"""Tables save by themselves; logs and metrics are saved at the end alone."""
CHANGES_NOTHING: Final = re.compile(rb"\.(Get|List|Describe|PutEvents)|/invocations$")


class SavingApplication:
    """The emulator as an ASGI application, around itself."""

    def __init__(self, emulator: Application, saved: SavedState, queues: DurableQueues) -> None:
        self._emulator = emulator
        self._saved = saved
        self._queues = queues
        self._is_saving = False

    async def __call__(self, scope: Message, receive: Any, send: Send) -> None:  # noqa: ANN401 - ASGI's own
        if scope["type"] != "http":
            await self._emulator(scope, receive, send)
            return
        self._begin_to_save()
        if scope["path"] == SAVE_PATH:
            self._saved.save_all()
            await _answer_no_content(send)
            return
        headers = dict(scope["headers"])
        service = signed_for(headers)
        await self._emulator(scope, receive, self._sender(service, send))
        if service and may_change(service, scope["method"], headers.get(b"x-amz-target", scope["path"].encode())):
            self._saved.note_change()

    def _sender(self, service: str | None, send: Send) -> Send:
        """A queue's answer waits until its messages are on the disk."""
        if service != QUEUES:
            return send

        async def send_once_kept(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._queues.keep_messages()
            await send(message)

        return send_once_kept

    def _begin_to_save(self) -> None:
        """Not before the state of last time is loaded, which it is when the first request comes."""
        if not self._is_saving:
            self._is_saving = True
            self._saved.keep_saving(self._queues.keep_messages)


def signed_for(headers: dict[bytes, bytes]) -> str | None:
    """The service that a signature names; None for calls of the HTTP API, which have a token."""
    found = SIGNED_FOR.search(headers.get(b"authorization", b""))
    return found.group(1).decode() if found else None


def may_change(service: str, method: str, action: bytes) -> bool:
    """`action` is the target of a JSON protocol, else the path."""
    if service in NOTHING_TO_SAVE or method in {"GET", "HEAD"}:
        return False
    return CHANGES_NOTHING.search(action) is None


async def _answer_no_content(send: Send) -> None:
    headers: Iterable[tuple[bytes, bytes]] = ()
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
