"""Pointers to boards in the table of usage sums. Only this module spells their keys. All of a tenant are under its pk:

    pk = TENANT#<tenant>#BOARDS
    sk = <month>              how many shards the month has; written once, never changed
    sk = <month>#<shard>      the pointer to the board of a shard; replaced if it has the version before

A name is <version>-<token>/<part>. The item has it by part without what follows from that: {"07": "12-x7fG"}.
"""

import json
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Final

from shared.adapters.attributes import IntegerAttribute
from shared.adapters.pynamo import DoesNotExist, Model, UnicodeAttribute
from shared.adapters.repeatable import RepeatableTable, is_written, put_once
from shared.ledger.canonical import canonical_json
from shared.ports.boards import BoardPlace, Pointer

_TENANT: Final = "TENANT#"
_BOARDS: Final = "#BOARDS"
_SHARD_DIGITS: Final = 2
_SK: Final = re.compile(r"\d{4}-\d\d(#\d\d)?")
_LAST: Final = "~"
"""Sorts after the rest of any key."""


def boards_pk(tenant: str) -> str:
    return f"{_TENANT}{tenant}{_BOARDS}"


def boards_tenant(pk: str) -> str | None:
    """The tenant whose boards these are; None if it is the pk of something else."""
    tenant = pk.removeprefix(_TENANT).removesuffix(_BOARDS)
    return tenant if tenant and "#" not in tenant and boards_pk(tenant) == pk else None


def is_board_sk(sk: str) -> bool:
    return _SK.fullmatch(sk) is not None


class BoardItem(Model):
    """An item of either kind; it has the attributes of its kind."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    shards = IntegerAttribute(null=True)
    version = IntegerAttribute(null=True)
    parts = UnicodeAttribute(null=True)
    replaced = UnicodeAttribute(null=True)
    changed_at_ms = IntegerAttribute(null=True)

    @property
    def place(self) -> BoardPlace:
        month, shard = self.sk.split("#")
        return BoardPlace(boards_tenant(self.pk) or "", month, int(shard))

    @property
    def pointer(self) -> Pointer:
        month = self.place.month
        return Pointer(
            self.version,
            dict(_named(month, part, text) for part, text in json.loads(self.parts).items()),
            tuple(_named(month, part, text)[1] for part, text in json.loads(self.replaced)),
            self.changed_at_ms,
        )


class BoardPointers(RepeatableTable):
    """The table's part of boards.BoardStore."""

    @cached_property
    def _items(self) -> type[BoardItem]:
        """Creates the client at the first usage: that takes time at a cold start."""
        return self._bound(BoardItem)

    def shards(self, tenant: str, month: str, wanted: int) -> int:
        pk = boards_pk(tenant)
        found = self._until_deadline(lambda: (self._found(pk, month),))[0]
        if found is None:
            self._until_deadline(lambda: put_once(self._items(pk, month, shards=wanted)))
            found = self._until_deadline(lambda: (self._found(pk, month),))[0]
        return wanted if found is None else int(found.shards)

    def pointer(self, place: BoardPlace) -> Pointer | None:
        found = self._until_deadline(lambda: (self._found(boards_pk(place.tenant), _sk(place)),))[0]
        return None if found is None else found.pointer

    def pointers(self, tenant: str, first_month: str, last_month: str) -> Sequence[tuple[BoardPlace, Pointer]]:
        items = self._until_deadline(lambda: self._between(boards_pk(tenant), first_month, f"{last_month}#{_LAST}"))
        return [(item.place, item.pointer) for item in items if "#" in item.sk]

    def flip(self, place: BoardPlace, pointer: Pointer) -> bool:
        items = self._items
        before = pointer.version - 1
        is_as_it_was = items.version == before if before else items.pk.does_not_exist()
        item = items(
            boards_pk(place.tenant),
            _sk(place),
            version=pointer.version,
            parts=canonical_json({_short(place, part): _token(name) for part, name in pointer.names.items()}),
            replaced=canonical_json([[_short(place, _part(name)), _token(name)] for name in pointer.replaced]),
            changed_at_ms=pointer.changed_at_ms,
        )
        return self._until_deadline(lambda: is_written(lambda: item.save(condition=is_as_it_was)))

    def _found(self, pk: str, sk: str) -> BoardItem | None:
        try:
            return self._items.get(pk, sk, consistent_read=True)
        except DoesNotExist:
            return None

    def _between(self, pk: str, lower: str, upper: str) -> tuple[BoardItem, ...]:
        return tuple(self._items.query(pk, self._items.sk.between(lower, upper), consistent_read=True))


def _sk(place: BoardPlace) -> str:
    return f"{place.month}#{place.shard:0{_SHARD_DIGITS}d}"


def _part(name: str) -> str:
    return name.partition("/")[2]


def _token(name: str) -> str:
    return name.partition("/")[0]


def _short(place: BoardPlace, part: str) -> str:
    return part.removeprefix(f"{place.month}-")


def _named(month: str, short: str, token: str) -> tuple[str, str]:
    """The part and its name."""
    part = f"{month}-{short}" if short.isdigit() else short
    return part, f"{token}/{part}"
