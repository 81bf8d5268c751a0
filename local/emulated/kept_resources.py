"""A new stack gets the tables and queues that a deleted one left behind, with what is in them.

On AWS it stops instead, since they exist, until they are imported (docs/deploy.md). The emulator itself would put an
empty table in the place of the full one.
"""

from collections.abc import Callable, Iterable, MutableMapping
from types import ModuleType
from typing import Any, Final

from local.emulated.queues import MESSAGES
from local.emulated.seams import require
from local.emulated.tables import ITEMS

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]
Create = Callable[[str, Properties, str], Created]
"""Of the logical id, the properties and the stack's name; returns the physical id and the attributes."""

TABLE: Final = "AWS::DynamoDB::Table"
QUEUE: Final = "AWS::SQS::Queue"
IDENTITY: Final = ("TableId", "CreationDateTime")
KEYS: Final = ("pk_name", "sk_name")


class KeptResources:
    def __init__(self, cloudformation: ModuleType, dynamodb: ModuleType, sqs: ModuleType) -> None:
        """Raises SeamMovedError."""
        require(cloudformation.provisioners, "_RESOURCE_HANDLERS", "_sqs_queue_name")
        self._cloudformation = cloudformation
        self._dynamodb = dynamodb
        self._sqs = sqs
        self._handlers: MutableMapping[str, Any] = cloudformation.provisioners._RESOURCE_HANDLERS
        self._create_table: Create = self._handlers[TABLE]["create"]
        self._create_queue: Create = self._handlers[QUEUE]["create"]

    def install(self) -> None:
        self._handlers[TABLE]["create"] = self.create_table
        self._handlers[QUEUE]["create"] = self.create_queue

    def create_table(self, logical_id: str, properties: Properties, stack: str) -> Created:
        """Raises ValueError, which CloudFormation shows, where the name is another's or the keys differ."""
        tables = self._dynamodb._tables
        name = properties.get("TableName")
        kept = tables.get(name) if name else None
        if kept is None:
            return self._create_table(logical_id, properties, stack)
        self._require_no_owner(TABLE, str(name), logical_id)
        created = self._create_table(logical_id, properties, stack)
        table = tables[name]
        if any(table[key] != kept[key] for key in KEYS):
            tables[name] = kept
            raise ValueError(
                f"table {name} was kept when its stack was deleted, and its keys differ from the template's. "
                "Export what you need of it and delete the table, or give the stack another name"
            )
        table.update({name: kept[name] for name in IDENTITY}, **{ITEMS: kept[ITEMS]})
        self._dynamodb._items_replaced(table)
        return created

    def create_queue(self, logical_id: str, properties: Properties, stack: str) -> Created:
        """Raises ValueError, which CloudFormation shows, where the name is another's."""
        name, _ = self._cloudformation.provisioners._sqs_queue_name(properties, stack, logical_id)
        kept = self._queue(name)
        if kept is None:
            return self._create_queue(logical_id, properties, stack)
        self._require_no_owner(QUEUE, kept["url"], logical_id)
        created = self._create_queue(logical_id, properties, stack)
        queue = self._queue(name)
        if queue is not None:
            queue[MESSAGES] = kept[MESSAGES]
        return created

    def _queue(self, name: str) -> dict[str, Any] | None:
        url = self._sqs._queue_name_to_url.get(name)
        found: dict[str, Any] | None = self._sqs._queues.get(url) if url else None
        return found

    def _require_no_owner(self, resource_type: str, physical_id: str, logical_id: str) -> None:
        for name, stack in self._cloudformation._stacks.items():
            for other, resource in _resources(stack):
                is_it = (resource.get("ResourceType"), resource.get("PhysicalResourceId")) == (
                    resource_type,
                    physical_id,
                )
                if is_it and stack.get("StackStatus") != "DELETE_COMPLETE":
                    raise ValueError(f"{logical_id}: {physical_id} already exists, as {other} of the stack {name}")


def _resources(stack: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    return list(stack.get("_resources", {}).items())
