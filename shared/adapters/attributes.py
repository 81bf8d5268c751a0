"""Attributes: how numbers, grants, draws, hashes and records are encoded in an item."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from shared.adapters.pynamo import BINARY, NUMBER, STRING, Attribute
from shared.ledger.grants import Category, Draw, Grant, Grants

_T = TypeVar("_T")
_CATEGORIES: Final[tuple[Category, ...]] = ("purchased", "promotional", "allowance")
_NEVER: Final = 0


class PlainAttribute(Attribute[_T]):
    """Is read at once. PynamoDB's own attribute first asks whether it is of a map, and for the name of its value."""

    _name: str

    def __set_name__(self, owner: type[Any], name: str) -> None:
        super().__set_name__(owner, name)
        self._name = name

    if not TYPE_CHECKING:  # types are those of the attribute that it reads faster

        def __get__(self, instance, owner):  # noqa: ANN001, ANN204 - as above
            return self if instance is None else instance.attribute_values.get(self._name)


class IntegerAttribute(PlainAttribute[int]):
    """An exact integer. PynamoDB's own number attribute is typed as a float and accepts 0.1."""

    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        if type(value) is not int:
            raise TypeError(f"{self.attr_name} must be an int, not {type(value).__name__}")
        return str(value)

    def deserialize(self, value: str) -> int:
        return int(value)


class GrantsAttribute(PlainAttribute[Grants]):
    """The open grants, packed: six numbers per grant, each in as few bytes as possible.

    As a list of lists, 16 grants would push an account's state over 1 KB and so double the write cost of every charge.
    """

    attr_type = BINARY

    def serialize(self, value: Grants) -> bytes:
        return b"".join(_varint(number) for grant in value for number in _numbers_of(grant))

    def deserialize(self, value: bytes) -> Grants:
        numbers = _varints(value)
        return tuple(_grant_of(*six) for six in zip(*[numbers] * 6, strict=True))


class DrawsAttribute(PlainAttribute[tuple[Draw, ...]]):
    """Draws, packed like grants: five numbers each."""

    attr_type = BINARY

    def serialize(self, value: tuple[Draw, ...]) -> bytes:
        return b"".join(_varint(number) for draw in value for number in _numbers_of_draw(draw))

    def deserialize(self, value: bytes) -> tuple[Draw, ...]:
        numbers = _varints(value)
        return tuple(_draw_of(*five) for five in zip(*[numbers] * 5, strict=True))


class HashAttribute(PlainAttribute[str]):
    """A SHA-256 in hexadecimal, stored as bytes: a state with 16 grants and the longest ids would exceed 1 KB
    otherwise.
    """

    attr_type = BINARY

    def serialize(self, value: str) -> bytes:
        return bytes.fromhex(value)

    def deserialize(self, value: bytes) -> str:
        return value.hex()


class BytesAttribute(PlainAttribute[bytes]):
    """Bytes as they are."""

    attr_type = BINARY

    def serialize(self, value: bytes) -> bytes:
        return value

    def deserialize(self, value: bytes) -> bytes:
        return value


class RecordAttribute(PlainAttribute[str | bytes]):
    """A record as it is stored, see stored_records.py: bytes, or the text that an older release stored.

    It is unpacked where it is used, so that a row with a damaged record can still be read.
    """

    attr_type = BINARY

    def get_value(self, value: Mapping[str, Any]) -> str | bytes:
        stored: str | bytes = value[STRING] if STRING in value else super().get_value(dict(value))
        return stored

    def serialize(self, value: str | bytes) -> bytes:
        if not isinstance(value, bytes):
            raise TypeError("only an older release stores the text of a record")
        return value

    def deserialize(self, value: str | bytes) -> str | bytes:
        return value


def _numbers_of(grant: Grant) -> tuple[int, ...]:
    expires_at_ms = _NEVER if grant.expires_at_ms is None else grant.expires_at_ms
    category = _CATEGORIES.index(grant.category)
    return grant.seq, grant.amount, grant.remaining, grant.priority, category, expires_at_ms


def _grant_of(seq: int, amount: int, remaining: int, priority: int, category: int, expires_at_ms: int) -> Grant:
    expires = None if expires_at_ms == _NEVER else expires_at_ms
    return Grant(seq, amount, remaining, priority, _CATEGORIES[category], expires)


def _numbers_of_draw(draw: Draw) -> tuple[int, ...]:
    expires_at_ms = _NEVER if draw.expires_at_ms is None else draw.expires_at_ms
    return draw.grant_seq, draw.amount, draw.priority, _CATEGORIES.index(draw.category), expires_at_ms


def _draw_of(grant_seq: int, amount: int, priority: int, category: int, expires_at_ms: int) -> Draw:
    expires = None if expires_at_ms == _NEVER else expires_at_ms
    return Draw(grant_seq, amount, priority, _CATEGORIES[category], expires)


def _varint(number: int) -> bytes:
    """LEB128 with zigzag, as Protocol Buffers' sint: seven bits per byte, lowest first, the sign in the lowest bit."""
    rest = number * 2 if number >= 0 else -number * 2 - 1
    packed = bytearray()
    while rest > 0x7F:  # noqa: PLR2004
        packed.append(rest & 0x7F | 0x80)
        rest >>= 7
    packed.append(rest)
    return bytes(packed)


def _varints(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte <= 0x7F:  # noqa: PLR2004
            yield (number >> 1) ^ -(number & 1)
            number = shift = 0
    if shift:
        raise ValueError("the last number is cut off")
