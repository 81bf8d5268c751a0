"""Counts calls, write units and read units of DynamoDB, as it bills them, from the requests on the wire.

    with meter.counting() as counted:
        ledger.record(...)
    counted.write_units

The sizes are those of the items before and after a write, read past the counted wire. DynamoDB Local's own
`ConsumedCapacity` must agree for reads and for single writes. For a transaction it says something else than DynamoDB's
documentation (twice the units of the table, four times those of an index, and less where an update or an unchanged
item is among the writes), so there the sizes alone tell: two units a KB for the table, plain writes for its indexes.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from math import ceil
from typing import Any, Final, TypeAlias

from shared.adapters.dynamodb_wire import DynamoWire

Item: TypeAlias = Mapping[str, Any]
"""As DynamoDB's JSON has it: {"pk": {"S": "a"}, "seq": {"N": "1"}}."""

WRITE_UNIT_BYTES: Final = 1024
READ_UNIT_BYTES: Final = 4096
_IN_TRANSACTION: Final = 2
_EVENTUALLY: Final = 0.5
_NUMBER_BYTES_MAX: Final = 21
_WRITES: Final = ("Put", "Update", "Delete", "ConditionCheck")


@dataclass
class Counted:
    """Calls by operation, and units."""

    calls: Counter[str] = field(default_factory=Counter)
    table_write_units: float = 0
    index_write_units: float = 0
    read_units: float = 0
    disagreements: list[str] = field(default_factory=list)
    """Where DynamoDB Local says something else."""

    @property
    def write_units(self) -> float:
        return self.table_write_units + self.index_write_units


@dataclass(frozen=True)
class _Write:
    table: str
    key: Item
    units_of_1_kb: int


class Meter:
    """`dynamodb` is a client of botocore's, whose calls do not count."""

    def __init__(self, dynamodb: Any) -> None:  # noqa: ANN401 - botocore makes its clients' types at run time
        self._dynamodb = dynamodb
        self._described = cache(lambda table: dynamodb.describe_table(TableName=table)["Table"])

    @contextmanager
    def counting(self) -> Iterator[Counted]:
        counted, original = Counted(), DynamoWire._make_api_call  # noqa: SLF001 - the one place all calls pass

        def call(wire: DynamoWire, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
            return self._counted(counted, operation, parameters, lambda asked: original(wire, operation, asked))

        DynamoWire._make_api_call = call  # type: ignore[assignment,method-assign] # noqa: SLF001 - as above
        try:
            yield counted
        finally:
            DynamoWire._make_api_call = original  # type: ignore[method-assign] # noqa: SLF001 - as above

    def _counted(
        self,
        counted: Counted,
        operation: str,
        parameters: dict[str, Any],
        call: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> dict[str, Any]:
        counted.calls[operation] += 1
        writes = self._writes(operation, parameters)
        before = [self._item(each) for each in writes]
        answer = call({**parameters, "ReturnConsumedCapacity": "INDEXES"})
        of_table = of_index = 0
        for write, old in zip(writes, before, strict=True):
            new = self._item(write)
            of_table += write.units_of_1_kb * _units_of_1_kb(old, new)
            of_index += sum(self._index_units(write.table, old, new))
        of_reads = read_units(operation, parameters, answer)
        local = sum(float(each["CapacityUnits"]) for each in _consumed(answer))
        if operation != "TransactWriteItems" and local != of_table + of_index + of_reads:
            counted.disagreements.append(f"{operation}: {of_table}, {of_index}, {of_reads}, but Local says {local}")
        counted.table_write_units += of_table
        counted.index_write_units += of_index
        counted.read_units += of_reads
        return answer

    def _writes(self, operation: str, parameters: Mapping[str, Any]) -> list[_Write]:
        if operation in {"PutItem", "UpdateItem", "DeleteItem"}:
            return [self._write(parameters, 1)]
        if operation == "TransactWriteItems":
            return [
                self._write(each[kind], _IN_TRANSACTION)
                for each in parameters["TransactItems"]
                for kind in _WRITES
                if kind in each
            ]
        if operation == "BatchWriteItem":
            raise ValueError("no operation of the service sends BatchWriteItem, so its units are not counted here")
        return []

    def _write(self, asked: Mapping[str, Any], units: int) -> _Write:
        table = asked["TableName"]
        names = [each["AttributeName"] for each in self._described(table)["KeySchema"]]
        return _Write(table, {name: asked.get("Item", asked.get("Key"))[name] for name in names}, units)

    def _item(self, write: _Write) -> Item | None:
        found = self._dynamodb.get_item(TableName=write.table, Key=write.key, ConsistentRead=True)
        item: Item | None = found.get("Item")
        return item

    def _index_units(self, table: str, old: Item | None, new: Item | None) -> Iterator[int]:
        """An index takes standard writes: one for an entry that comes, goes or changes, two if its key moves."""
        for index in self._described(table).get("GlobalSecondaryIndexes", ()):
            names = [each["AttributeName"] for each in index["KeySchema"]]
            was, comes = (_projected(item, names, index, self._described(table)) for item in (old, new))
            if was == comes:
                continue
            has_moved = was and comes and any(was[name] != comes[name] for name in names)
            yield _units_of_1_kb(was) + _units_of_1_kb(comes) if has_moved else _units_of_1_kb(was, comes)


def read_units(operation: str, parameters: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
    if operation == "GetItem":
        share = 1 if parameters.get("ConsistentRead") else _EVENTUALLY
        return share * _units_of_4_kb([answer.get("Item") or {}])
    if operation in {"Query", "Scan"}:
        if parameters.get("FilterExpression") or parameters.get("Select") == "COUNT":
            # What was read is not in the answer.
            return sum(float(each["CapacityUnits"]) for each in _consumed(answer))
        share = 1 if parameters.get("ConsistentRead") else _EVENTUALLY
        return share * _units_of_4_kb(answer["Items"])
    if operation == "BatchGetItem":
        return sum(
            _batch_units(asked, answer["Responses"][table]) for table, asked in parameters["RequestItems"].items()
        )
    if operation == "TransactGetItems":
        return sum(_IN_TRANSACTION * _units_of_4_kb([each.get("Item", {})]) for each in answer["Responses"])
    return 0


def _batch_units(asked: Mapping[str, Any], items: Sequence[Item]) -> float:
    """Each item by itself, those that are not there too."""
    share = 1 if asked.get("ConsistentRead") else _EVENTUALLY
    return share * (sum(_units_of_4_kb([item]) for item in items) + len(asked["Keys"]) - len(items))


def size_bytes(item: Item) -> int:
    """The size that DynamoDB bills: the names and values of all attributes."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(typed: Mapping[str, Any]) -> int:
    ((kind, value),) = typed.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return _number_bytes(value)
        case "B":
            return len(value)
        case "L":
            return 3 + sum(1 + _value_bytes(each) for each in value)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(each) for name, each in value.items())
        case _:  # true, false and null; the service stores no sets
            return 1


def _number_bytes(number: str) -> int:
    """A byte for two significant digits, one for the exponent, one for a sign."""
    digits = number.lstrip("-").replace(".", "").strip("0")
    return min(_NUMBER_BYTES_MAX, ceil(len(digits) / 2) + 1 + number.startswith("-"))


def _units_of_1_kb(*items: Item | None) -> int:
    """Of the largest; a write of nothing takes one."""
    return max([1, *(ceil(size_bytes(item) / WRITE_UNIT_BYTES) for item in items if item)])


def _units_of_4_kb(items: Sequence[Item]) -> int:
    """Of all together; a read that finds nothing takes one."""
    return max(1, ceil(sum(map(size_bytes, items)) / READ_UNIT_BYTES))


def _projected(item: Item | None, names: list[str], index: Mapping[str, Any], table: Mapping[str, Any]) -> Item | None:
    """The entry of an index; None if the item has none."""
    if item is None or any(name not in item for name in names):
        return None
    projection = index["Projection"]
    if projection["ProjectionType"] == "ALL":
        return item
    keys = {each["AttributeName"] for each in table["KeySchema"]}
    kept = keys | {*names, *projection.get("NonKeyAttributes", ())}
    return {name: value for name, value in item.items() if name in kept}


def _consumed(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = answer.get("ConsumedCapacity", [])
    return [found] if isinstance(found, Mapping) else list(found)
