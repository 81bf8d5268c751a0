"""The emulator's queues: a message is in the journal before its sender has the answer."""

import copy
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from local.emulated.failing import ends_where_nothing_is_saved
from local.emulated.journal import Journal
from local.emulated.seams import SeamMovedError, require

MESSAGES: Final = "messages"
SAVED: Final = frozenset({"queues", "queue_name_to_url"})


class DurableQueues:
    """Stands in for the functions by which the emulator's SQS saves its messages.

    A queue's definition is on the disk before its first message is.
    """

    def __init__(self, sqs: ModuleType, journal: Journal, save_definitions: Callable[[], None], place: Path) -> None:
        """`save_definitions` writes what `state` returns. Raises SeamMovedError."""
        require(sqs, "_queues", "_queue_name_to_url")
        if (saved := set(sqs.get_state())) != SAVED:
            raise SeamMovedError(f"the emulator's SQS saves {sorted(saved)}")
        self._sqs = sqs
        self._journal = journal
        self._save_definitions = save_definitions
        self._defined: set[str] = set()
        self._place = place
        self._load = sqs.load_persisted_state

    def install(self) -> None:
        module: Any = self._sqs
        module.get_state = self.state
        module.load_persisted_state = self.load

    def state(self) -> dict[str, Any]:
        """As the emulator's own, without the messages."""
        queues = type(self._sqs._queues)()
        self._defined = {_arn(queue) for queue in self._sqs._queues.all_values()}
        for place, queue in self._sqs._queues.all_items():
            queues.set_scoped(*place, copy.deepcopy({name: queue[name] for name in queue.keys() - {MESSAGES}}))
        return {"queues": queues, "queue_name_to_url": copy.deepcopy(self._sqs._queue_name_to_url)}

    def load(self, data: dict[str, Any]) -> None:
        """What was saved, with the messages from the journal. A state of before the journal has them itself.

        A message that somebody was working on is there again, as after its visibility timeout on AWS.
        """
        for queue in data["queues"].all_values():
            queue[MESSAGES] = self._journal.messages(_arn(queue)) or queue.get(MESSAGES, [])
        self._load(data)
        self.keep_messages()

    def keep_messages(self) -> None:
        """Those that are in the queues at this moment."""
        waiting = {_arn(queue): list(queue[MESSAGES]) for queue in self._sqs._queues.all_values()}
        if any(messages and queue not in self._defined for queue, messages in waiting.items()):
            self._save_definitions()
        with ends_where_nothing_is_saved(self._place):
            self._journal.keep_messages(waiting)


def _arn(queue: dict[str, Any]) -> str:
    return str(queue["attributes"]["QueueArn"])
