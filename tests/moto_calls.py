"""moto as the tests run on it: it takes one call at a time, and a transaction costs what it touches.

moto is not made for calls from several threads, and fails or loses updates. Nothing about concurrency is tested on it,
but a batch with several payers calls it from several threads.

While it tries a transaction, moto keeps a copy of all items of the table, and makes that copy once for each part of the
transaction: 2,000 charges take minutes. Here it keeps what leads to the items. The items themselves are shared, so an
item that is updated is first replaced by a copy.

For each call moto also looks through all methods of a service, and for each event it makes a parser of paths. What it
finds is always the same, so here it looks once.

A value of DynamoDB has one of ten members, such as S or N. moto looks for each of the ten, and for those that are not
there under several names: a third of a call. Here it looks at the one that is there.

moto also sets up a rule for every service and method of the library requests. Nothing here uses that: without rules, a
request of that library fails.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy, deepcopy
from functools import lru_cache
from threading import RLock
from typing import Any
from unittest.mock import patch

from jsonpath_ng import ext as paths
from jsonpath_ng.ext.parser import parse
from moto import mock_aws
from moto.core import models, responses
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.parse import BaseJSONParser
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table


@contextmanager
def mocked_aws() -> Iterator[None]:
    with (
        one_call_at_a_time(),
        cheap_transactions(),
        looked_up_once(),
        plain_values(),
        patch.object(models, "RESPONSES_METHODS", []),
        mock_aws(),
    ):
        yield


@contextmanager
def one_call_at_a_time() -> Iterator[None]:
    lock, process_request = RLock(), BotocoreStubber.process_request

    def process_alone(stubber: BotocoreStubber, request: Any) -> Any:
        with lock:
            return process_request(stubber, request)

    with patch.object(BotocoreStubber, "process_request", process_alone):
        yield


_methods_of = lru_cache(method_names_from_class)
_path = lru_cache(parse)


@contextmanager
def looked_up_once() -> Iterator[None]:
    with patch.object(responses, "method_names_from_class", _methods_of), patch.object(paths, "parse", _path):
        yield


@contextmanager
def plain_values() -> Iterator[None]:
    """Only the member that a value has is read and written. Anything else goes moto's way."""
    write = BaseJSONSerializer._serialize_type_structure
    read: Callable[..., Any] = BaseJSONParser._parse_structure

    def write_plainly(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if _has_one_member(shape, value):
            serialized[serializer.get_serialized_name(shape, key)] = _written(value, serializer._base64)
        else:
            write(serializer, serialized, value, shape, key)

    def read_plainly(parser: Any, shape: Any, value: Any) -> Any:
        if not _has_one_member(shape, value):
            return read(parser, shape, value)
        ((kind, content),) = value.items()
        return {kind: parser._parse_shape(shape.members[kind], content)}

    with (
        patch.object(BaseJSONSerializer, "_serialize_type_structure", write_plainly),
        patch.object(BaseJSONParser, "_parse_structure", read_plainly),
    ):
        yield


def _has_one_member(shape: Any, value: Any) -> bool:
    return shape.name == "AttributeValue" and type(value) is dict and len(value) == 1


def _written(value: dict[str, Any], base64: Callable[[bytes], str]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "M":
            return {kind: {name: _written(each, base64) for name, each in content.items()}}
        case "L":
            return {kind: [_written(each, base64) for each in content]}
        case "B":
            return {kind: base64(content)}
        case "BS":
            return {kind: [base64(each) for each in content]}
    return value


@contextmanager
def cheap_transactions() -> Iterator[None]:
    update_item = DynamoDBBackend.update_item

    def update_a_copy(backend: DynamoDBBackend, table_name: str, key: dict[str, Any], *rest: Any, **more: Any) -> Any:
        table = backend.get_table(table_name)
        hash_value, range_value = backend.get_keys_value(table, key)
        if (item := table.get_item(hash_value, range_value)) is not None:
            items: dict[Any, Any] = table.items if range_value is None else table.items[hash_value]
            items[hash_value if range_value is None else range_value] = deepcopy(item)
        return update_item(backend, table_name, key, *rest, **more)

    with ExitStack() as patches:
        patches.enter_context(patch.object(Table, "__deepcopy__", _with_the_same_items, create=True))
        patches.enter_context(patch.object(DynamoDBBackend, "update_item", update_a_copy))
        yield


def _with_the_same_items(table: Table, _: dict[int, Any]) -> Table:
    """A copy to which the table can be put back."""
    kept = copy(table)
    has_two_keys = table.range_key_attr is not None
    kept.items = defaultdict(dict, {key: copy(each) if has_two_keys else each for key, each in table.items.items()})
    if table.stream_shard is not None:
        kept.stream_shard = copy(table.stream_shard)
        kept.stream_shard.items = list(table.stream_shard.items)
        kept.stream_shard.table = kept
    return kept
