"""The emulator's tables: every change is in the journal before the caller has the answer."""

import copy
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from local.emulated.failing import ends_where_nothing_is_saved
from local.emulated.journal import Change, Journal, Put, Removal, Replacement
from local.emulated.seams import SeamMovedError, require

Table = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

ITEMS: Final = "items"
METADATA: Final = (
    "tags",
    "ttl_settings",
    "pitr_settings",
    "kinesis_destinations",
    "contributor_insights",
    "backups",
    "resource_policies",
    "exports",
    "imports",
)
"""What the emulator saves beside the tables, each from the variable of that name."""

CHANGE_NO_DEFINITION: Final = ("Get", "BatchGet", "TransactGet", "Query", "Scan", "Describe", "List")
CHANGE_ITEMS_ALONE: Final = frozenset(
    {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems", "ExecuteStatement"}
)


class _Request(threading.local):
    """What the request that this thread works on has changed so far; None outside of requests."""

    changes: list[Change] | None = None


class DurableTables:
    """Stands in for the functions by which the emulator's DynamoDB changes and saves its items.

    A definition is on the disk before the first item of its table is.
    """

    def __init__(
        self, dynamodb: ModuleType, journal: Journal, save_definitions: Callable[[], None], place: Path
    ) -> None:
        """`save_definitions` writes what `state` returns. Raises SeamMovedError."""
        require(dynamodb, "_tables", "_INDEX_MEMBERS", "_update_counts", *(f"_{name}" for name in METADATA))
        require(dynamodb, "_set_item", "_remove_item", "_items_replaced")
        if (saved := set(dynamodb.get_state())) != {"tables", *METADATA}:
            raise SeamMovedError(f"the emulator's DynamoDB saves {sorted(saved)}")
        self._dynamodb = dynamodb
        self._journal = journal
        self._save_definitions = save_definitions
        self._place = place
        self._request = _Request()
        self._known: set[str] = set()
        self._set_item = dynamodb._set_item
        self._remove_item = dynamodb._remove_item
        self._items_replaced = dynamodb._items_replaced
        self._handle_request = dynamodb.handle_request
        self._load = dynamodb.load_persisted_state

    def install(self) -> None:
        module: Any = self._dynamodb
        module._set_item = self.set_item
        module._remove_item = self.remove_item
        module._items_replaced = self.items_replaced
        module.handle_request = self.handle_request
        module.get_state = self.state
        module.load_persisted_state = self.load

    def set_item(self, table: Table, pk: str, sk: str, item: Mapping[str, Any]) -> object:
        """Returns the item before."""
        before = self._set_item(table, pk, sk, item)
        self._note(table, Put(table["TableId"], pk, sk, item))
        return before

    def remove_item(self, table: Table, pk: str, sk: str) -> object:
        """Returns the item before."""
        before = self._remove_item(table, pk, sk)
        self._note(table, Removal(table["TableId"], pk, sk))
        return before

    def items_replaced(self, table: Table) -> None:
        self._items_replaced(table)
        self._note(table, Replacement(table["TableId"], table[ITEMS]))

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        with self._whole_request():
            answer: Answer = _without_pause(self._handle_request(method, path, headers, body, query))
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if not action.startswith(CHANGE_NO_DEFINITION) and action not in CHANGE_ITEMS_ALONE:
            self.save_definitions()
        return answer

    def state(self) -> dict[str, Any]:
        """As the emulator's own, without the items."""
        module = self._dynamodb
        tables = type(module._tables)()
        left_out = {ITEMS, module._INDEX_MEMBERS}
        for place, table in module._tables.all_items():
            tables.set_scoped(*place, copy.deepcopy({name: table[name] for name in table.keys() - left_out}))
        return {"tables": tables, **{name: copy.deepcopy(getattr(module, f"_{name}")) for name in METADATA}}

    def load(self, data: dict[str, Any]) -> None:
        """What was saved, with the items from the journal. A state of before the journal has them itself."""
        tables = data["tables"].all_values()
        for table in tables:
            items = self._journal.items(table["TableId"])
            if not items and table.get(ITEMS):
                items = table[ITEMS]
                self._write([Replacement(table["TableId"], items)])
            table[ITEMS] = items
        self._load(data)
        for table in tables:
            self._dynamodb._update_counts(table)
        self._known = self._ids()

    def save_definitions(self) -> None:
        """Of all tables; the items of those that are gone go too."""
        self._save_definitions()
        ids = self._ids()
        gone, self._known = self._known - ids, ids
        if gone:
            self._write([Replacement(each, {}) for each in gone])

    def _note(self, table: Table, change: Change) -> None:
        if table["TableId"] not in self._known:
            self.save_definitions()
            # What was put into the table by a way that we do not see, such as a restored backup.
            change = Replacement(table["TableId"], table[ITEMS])
        if self._request.changes is None:
            self._write([change])
        else:
            self._request.changes.append(change)

    @contextmanager
    def _whole_request(self) -> Iterator[None]:
        """What a request changes is on the disk as a whole or not at all, and is so before it is answered."""
        self._request.changes = []
        try:
            yield
        finally:
            changes, self._request.changes = self._request.changes, None
            if changes:
                self._write(changes)

    def _write(self, changes: list[Change]) -> None:
        with ends_where_nothing_is_saved(self._place):
            self._journal.write(changes)

    def _ids(self) -> set[str]:
        return {table["TableId"] for table in self._dynamodb._tables.all_values()}


def _without_pause(handling: Coroutine[Any, Any, Answer]) -> Answer:
    """The handler does not give way to another request between its first and its last change.

    Raises SeamMovedError should it begin to: the changes of two requests would be taken for those of one.
    """
    try:
        handling.send(None)
    except StopIteration as done:
        answered: Answer = done.value
        return answered
    raise SeamMovedError("the emulator's DynamoDB handles two requests at once")
