"""Reading usage files: what each row says was used, by whom, when; each with the key of its event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, Literal

import msgspec

from millicent import ids
from millicent.replay import cells
from millicent.replay.actors import DEFAULT_SEED, ZipfActors
from millicent.replay.cells import BadCell
from millicent.replay.columns import Columns, Counted, Layout, refuse_not_understood, refuse_untold_time, told_value
from millicent.replay.documents import as_reported, plain_quantities, provider_of
from millicent.replay.errors import BadUsage
from millicent.replay.keys import Keys, digest
from millicent.replay.presets import layout_for
from millicent.replay.recognised import Recognised, columns_of, ignored_by
from millicent.replay.tables import Row, Table, table_of
from millicent.replay.text import text_of
from millicent.replay.usage import Usage

METER: Final = "llm"
REASON: Final = "skipped_because"
"""The column of a report that says what is wrong with a row."""

_LONGEST_RUN_ID: Final = 90
_BATCH: Final = "batch"
_SIDES: Final = (("input_tokens",), ("output_tokens",))
_TIERS: Final[Mapping[str, str | None]] = {
    **dict.fromkeys(("default", "standard", "auto", "on_demand", "none", "false", "0", "no"), None),
    **dict.fromkeys(("batch", "true", "1", "yes"), _BATCH),
    "flex": "flex",
    "priority": "priority",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a file.

    `model` is that of rows that name none, and `default_actor` pays for rows that name nobody; without them such a row
    is refused. `actors` invents that many actors, with `seed`, for a file without an actor column. `run_id` is put
    before the keys: another one charges the same events again on purpose. `limit` reads only the first rows; their keys
    stay the same. `skip_invalid` sets invalid rows aside instead of raising. `sums` refuses files whose rows are sums
    of many requests. `preset` and `encoding` are used instead of what is recognised.
    """

    columns: Columns = field(default=Columns())
    model: str | None = None
    actors: int | None = None
    default_actor: str | None = None
    seed: int = DEFAULT_SEED
    run_id: str | None = None
    limit: int | None = None
    ignored_columns: frozenset[str] = frozenset()
    skip_invalid: bool = False
    preset: str | None = None
    sums: Literal["price", "refuse"] = "price"
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that is not charged, as the file has it."""

    row: int
    reason: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class UsageFile:
    """A file that was read: what was recognised, its rows, and those that were skipped."""

    recognised: Recognised
    rows: tuple[Usage, ...]
    skipped: tuple[Skipped, ...]
    table: Table = field(repr=False)

    def content(self, row: int) -> Mapping[str, Any]:
        """The cells of a row, by its number."""
        return self._by_number[row].cells

    @cached_property
    def _by_number(self) -> dict[int, Row]:
        return {row.number: row for row in self.table.rows}


def read_usage(content: bytes, reading: Reading | None = None) -> list[Usage]:
    """The rows of a usage file. Raises BadUsage, which names the row, before any row is returned."""
    return list(load_usage(content, reading).rows)


def load_usage(content: bytes, reading: Reading | None = None) -> UsageFile:
    """Raises BadUsage if the file is not understood, and for its first invalid row if none are to be skipped."""
    how = _checked(reading or Reading())
    table = table_of(text_of(content, how.encoding))
    if table.rows and all(row.fault for row in table.rows):
        raise BadUsage(str(table.rows[0].fault))
    layout = _layout(table, how)
    refuse = () if not layout.cost else table.names
    refuse_not_understood(layout, table.rows, table.names, {*how.ignored_columns, *refuse, REASON})
    refuse_untold_time(layout, table.rows, table.names, {*how.ignored_columns, REASON})
    reader = _Reader(
        layout, how, has_actors=any(row.get(name) is not None for row in table.rows for name in layout.actor)
    )
    rows = tuple(reader.read(table.rows))
    return UsageFile(_recognised(table, layout, reader, len(rows)), rows, tuple(reader.skipped), table)


def report(skipped: Iterable[Skipped]) -> bytes:
    """Skipped rows as JSON lines, each with its reason. Corrected, or as it is, it can be read like the file."""
    lines = ({**row.content, REASON: row.reason} for row in skipped)
    encoder = msgspec.json.Encoder(decimal_format="number")
    return b"".join(encoder.encode(line) + b"\n" for line in lines)


def _checked(how: Reading) -> Reading:
    if how.run_id is not None and not (ids.is_id(how.run_id) and len(how.run_id) <= _LONGEST_RUN_ID):
        raise BadUsage(f"the run id {how.run_id!r} must be 1 to {_LONGEST_RUN_ID} {ids.CHARACTERS}")
    if how.default_actor is not None and not ids.is_id(how.default_actor):
        raise BadUsage(f"the default actor {how.default_actor!r} must be {ids.REQUIREMENT}")
    return how


def _layout(table: Table, how: Reading) -> Layout:
    _refuse_missing(table.names, how.columns)
    named = [name for name in table.names if name != REASON]
    layout = layout_for(named, how.preset).without(how.ignored_columns).told(how.columns)
    if layout.bucket and how.sums == "refuse":
        raise BadUsage(f"each row of the {layout.name} is a sum of many requests, and sums are to be refused")
    if not layout.cost and not layout.documents:
        _require_counts(layout, named)
    return layout


def _refuse_missing(names: Iterable[str], told: Columns) -> None:
    for role in Columns.__slots__:
        name = getattr(told, role)
        if name is not None and name not in names:
            raise BadUsage(f"no column {name!r}; the columns are {_listed(names)}")


def _require_counts(layout: Layout, names: list[str]) -> None:
    present = {quantity for each in layout.counted if set(each.columns) & set(names) for quantity in each.quantities}
    if layout.signatures or {name for name in present if name not in {"input_tokens", "output_tokens", "requests"}}:
        return
    for side in ("input", "output"):
        if f"{side}_tokens" not in present:
            raise BadUsage(f"no column of {side} tokens among {_listed(names)}; name it with --{side}-column")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _recognised(table: Table, layout: Layout, reader: "_Reader", rows: int) -> Recognised:
    return Recognised(
        format=table.format,
        compression=table.text.compression,
        encoding=table.text.encoding,
        separator=table.separator,
        preset=layout.name,
        columns={**columns_of(layout, table), **reader.instead()},
        ignored=ignored_by(layout, table),
        rows=rows,
        blank_rows=reader.blank,
        other_rows=reader.others,
        repeated_rows=reader.repeated,
        sums=bool(layout.bucket) or any(each.quantities == ("requests",) for each in layout.counted),
    )


@dataclass(frozen=True, slots=True)
class _Event:
    """What a row says, before it has a key and a payer."""

    row: int
    actor: str | None
    told_model: str | None
    usage: Mapping[str, Any] | None
    cost_usd: str | None
    occurred_at: datetime | None
    app: str | None
    metadata: Mapping[str, Any] | None
    key: str | None
    identity: tuple[str, ...]
    bucket: tuple[str, ...]

    @property
    def content(self) -> dict[str, Any]:
        """What makes it this event: what its row says, and nothing that an option adds. So a run with another option
        finds the events that are charged already.
        """
        return {
            "actor": self.actor,
            "usage": self.usage and {**self.usage, "model": self.told_model},
            "cost_usd": None if self.usage else self.cost_usd,
            "at": self.occurred_at and self.occurred_at.isoformat(),
            "app": self.app,
            "metadata": self.metadata,
        }


class _Reader:
    """Converts rows to usage. What a row means depends on the row alone, so that a file may grow."""

    def __init__(self, layout: Layout, how: Reading, *, has_actors: bool) -> None:
        self._layout = layout
        self._how = how
        self._keys = Keys(how.run_id)
        self._zipf = ZipfActors(how.actors, how.seed) if how.actors and not has_actors else None
        self._has_actors = has_actors
        self.skipped: list[Skipped] = []
        self.blank = self.others = self.repeated = 0

    def instead(self) -> dict[str, str]:
        """What is used where the file has no column."""
        how = self._how
        invented = f"{how.actors} invented by a Zipf distribution" if self._zipf else None
        told = {"actor": invented or how.default_actor, "model": how.model}
        columns = {"actor": self._layout.actor if self._has_actors else (), "model": self._layout.model}
        return {
            role: f"{', else '.join(columns[role])}, else {value}" if columns[role] else f"{value} (no column)"
            for role, value in told.items()
            if value
        }

    def read(self, rows: Iterable[Row]) -> list[Usage]:
        read: dict[tuple[str, str], Usage] = {}
        for row in rows:
            if self._how.limit is not None and len(read) == self._how.limit and not self._layout.last_wins:
                break
            try:
                usage = self._usage(row)
                if usage is not None:
                    self._add(read, usage)
            except BadUsage as invalid:
                if not self._how.skip_invalid:
                    raise
                self.skipped.append(Skipped(row.number, str(invalid), row.cells))
        return list(read.values())[: self._how.limit]

    def _add(self, read: dict[tuple[str, str], Usage], usage: Usage) -> None:
        """Keys are unique per actor: a second event under one key would be reported as charged but never be."""
        place = (usage.actor, usage.key)
        first = read.get(place)
        if first is None:
            read[place] = usage
            return
        is_same = replace(usage, row=first.row) == first
        if not is_same and not self._layout.last_wins:
            raise BadUsage(f"row {usage.row} repeats the key {usage.key!r} of row {first.row} for {usage.actor}")
        self.repeated += 1
        read[place] = usage if not is_same else first

    def _usage(self, row: Row) -> Usage | None:
        if row.fault is not None:
            raise BadUsage(row.fault)
        if self._is_blank(row):
            self.blank += 1
            return None
        if not self._layout.is_usage(row):
            self.others += 1
            return None
        event = _Cells(self._layout, self._how, row.opened(self._layout.opened)).event()
        name = self._name(event)
        return Usage(
            key=event.key or self._keys.key(name),
            actor=self._actor(event, name),
            usage=event.usage,
            cost_usd=event.cost_usd,
            occurred_at=event.occurred_at,
            app=event.app,
            metadata=event.metadata,
            row=row.number,
        )

    def _is_blank(self, row: Row) -> bool:
        """Such as a day without requests in an export: nothing but its time."""
        times = {*self._layout.time, *self._layout.ignored}
        return all(value in (None, "") or _is_zero(value) or name in times for name, value in row.cells.items())

    def _name(self, event: _Event) -> str:
        if event.key is not None:
            return event.key
        if event.bucket:
            at = event.occurred_at and event.occurred_at.isoformat()
            return digest([self._layout.name, at, *event.bucket])
        return ":".join(event.identity) or self._keys.name_of(event.content)

    def _actor(self, event: _Event, name: str) -> str:
        if event.actor is not None:
            return event.actor
        if self._zipf:
            return self._zipf.of(name)
        if self._how.default_actor is not None:
            return self._how.default_actor
        if self._has_actors:
            columns = " or ".join(self._layout.actor)
            raise BadUsage(f"row {event.row}: {columns} is blank; say who pays for such rows with --default-actor")
        raise BadUsage(
            f"row {event.row}: no column says who pays; name it with --actor-column, or give --default-actor, or "
            "--actors to invent some"
        )


class _Cells:
    """Reads one row. Every method raises BadUsage, naming row and column."""

    def __init__(self, layout: Layout, how: Reading, row: Row) -> None:
        self._layout = layout
        self._how = how
        self._row = row

    def event(self) -> _Event:
        layout = self._layout
        cost, about = self._cost(), self._about()
        usage = self._used(is_priced_apart=cost is not None)
        if self._is_free():
            # What was used stays on the record, but nothing of it is priced.
            cost, about, usage = "0", {**(about or {}), "cache_hit": True, **(usage or {})}, None
        return _Event(
            row=self._row.number,
            actor=self._value("actor", cells.identifier, must_agree=layout.must_agree),
            told_model=self._told_model(),
            usage=usage,
            cost_usd=cost,
            occurred_at=self._value("time", cells.instant),
            app=self._value("app", cells.identifier),
            metadata=about,
            key=self._told_key(),
            identity=self._identity(),
            bucket=tuple("" if value is None else cells.plain(value) for value in self._values(layout.bucket)),
        )

    def _value(self, role: str, read: Any, *, must_agree: bool = False) -> Any:  # noqa: ANN401 - what `read` returns
        column, value = self._told(getattr(self._layout, role), must_agree=must_agree)
        return None if value is None else self._read(column, value, read)

    def _told(self, columns: tuple[str, ...], *, must_agree: bool) -> tuple[str, Any]:
        try:
            return told_value(self._row, columns, must_agree)
        except BadCell as bad:
            raise self._bad(columns[0], self._row.get(columns[0]), bad) from bad

    def _read(self, column: str, value: Any, read: Any) -> Any:  # noqa: ANN401 - what `read` returns
        try:
            return read(value)
        except BadCell as bad:
            raise self._bad(column, value, bad) from bad

    def _bad(self, column: str, value: object, must_be: object) -> BadUsage:
        shown = str(value) if isinstance(value, Decimal) else repr(value)
        return BadUsage(f"row {self._row.number}: {column} is {shown:.80} and must be {must_be}")

    def _cost(self) -> str | None:
        if not self._layout.cost:
            return None
        cost = self._value("cost", cells.dollars)
        if cost is None:
            raise self._bad(self._layout.cost[0], None, "dollars, 0 or more, such as 0.0125")
        currency = self._value("currency", cells.plain)
        if currency is not None and currency.upper() != "USD":
            raise self._bad(self._layout.currency[0], currency, "USD: other currencies are not converted here")
        return str(cost)

    def _about(self) -> dict[str, Any] | None:
        about = {
            name: cells.plain(self._row.get(name)) for name in self._layout.about if self._row.get(name) is not None
        }
        return about or None

    def _is_free(self) -> bool:
        return bool(self._value("free", cells.flag))

    def _told_key(self) -> str | None:
        if not self._layout.key:
            return None
        column = self._layout.key[0]
        return str(self._read(column, self._row.get(column), cells.identifier))

    def _values(self, columns: tuple[str, ...]) -> list[Any]:
        return [self._row.get(name) for name in columns]

    def _identity(self) -> tuple[str, ...]:
        """The id of the event; none if a part of it is blank, or if it may be the id of something else."""
        values = self._values(self._layout.identity)
        begins = self._layout.identity_begins
        if any(value is None for value in values) or (begins and not str(values[0]).startswith(begins)):
            return ()
        return tuple(map(cells.plain, values))

    def _used(self, *, is_priced_apart: bool) -> dict[str, Any] | None:
        reported = next(filter(None, map(self._row.document, self._layout.documents)), None)
        model = self._model(is_required=not is_priced_apart)
        if reported is not None:
            return self._reported(reported, model)
        quantities = self._quantities()
        if not quantities and not is_priced_apart:
            raise BadUsage(f"row {self._row.number} says nothing of what was used: no tokens, and no cost")
        if not quantities or model is None:
            return None
        if self._how.sums == "refuse" and quantities.get("requests", 1) != 1:
            requests = quantities["requests"]
            raise BadUsage(f"row {self._row.number} is the sum of {requests} requests, and sums are to be refused")
        return {"meter": METER, "model": model, **quantities, **self._tier()}

    def _reported(self, reported: Mapping[str, Any], model: str | None) -> dict[str, Any]:
        plain = plain_quantities(reported)
        if plain is not None and model is not None:
            return {"meter": METER, "model": model, **plain, **self._tier()}
        provider = provider_of(reported, model)
        if provider is None:
            named = ", ".join(reported)
            raise BadUsage(f"row {self._row.number}: usage with {named:.80} is not what a known provider reports")
        named_model = {} if model is None else {"model": model}
        return {"meter": METER, "provider": provider, **named_model, "raw": as_reported(reported), **self._tier()}

    def _told_model(self) -> str | None:
        model: str | None = self._value("model", cells.text, must_agree=self._layout.must_agree)
        return model

    def _model(self, *, is_required: bool) -> str | None:
        model = self._told_model() or self._how.model
        if model is not None:
            return self._layout.named(self._row, model)
        if is_required:
            columns = " or ".join(self._layout.model)
            which = f"{columns} is blank" if columns else "no column names the model"
            raise BadUsage(f"row {self._row.number}: {which}; give the model of such rows with --model")
        return None

    def _quantities(self) -> dict[str, int]:
        """Without zeros, but for the tokens of input and output that a row names."""
        sums: dict[str, int] = {}
        for counted in self._layout.counted:
            column, value = self._told(counted.columns, must_agree=self._layout.must_agree)
            if value is None:
                self._refuse_half(counted)
                continue
            number: int = self._read(column, value, cells.count)
            for quantity in counted.quantities:
                sums[quantity] = sums.get(quantity, 0) + number
        self._refuse_unlisted()
        amended = self._amended(sums)
        self._compare_total(amended)
        return {name: units for name, units in amended.items() if units or name in {"input_tokens", "output_tokens"}}

    def _refuse_half(self, counted: Counted) -> None:
        """A row of which only one side is told: the other may have been lost."""
        if not self._layout.must_agree or counted.quantities not in _SIDES:
            return
        others = (each for each in self._layout.counted if each.quantities in _SIDES and each is not counted)
        if any(self._row.get(name) is not None for each in others for name in each.columns):
            raise self._bad(counted.columns[0], None, "a whole number of tokens; write 0 if there were none")

    def _amended(self, sums: dict[str, int]) -> dict[str, int]:
        try:
            return self._layout.amended(self._row, sums) if sums or self._layout.used else sums
        except BadCell as bad:
            raise BadUsage(f"row {self._row.number}: the counts of the {self._layout.name} must be {bad}") from bad

    def _refuse_unlisted(self) -> None:
        for name, allowed in self._layout.listed.items():
            value = self._row.get(name)
            if value is not None and str(value).casefold() not in allowed:
                raise self._bad(name, value, f"one of {', '.join(sorted(allowed))}: others have prices of their own")

    def _compare_total(self, sums: Mapping[str, int]) -> None:
        total = self._value("total", cells.count)
        whole = sums.get("input_tokens", 0) + sums.get("output_tokens", 0)
        if total and total != whole:
            raise self._bad(
                self._layout.total[0], total, f"the sum of input and output, which is {whole}: a part is not understood"
            )

    def _tier(self) -> dict[str, str]:
        told: set[str] = {self._layout.always_tier} if self._layout.always_tier else set()
        for column in self._layout.tier:
            value = self._row.get(column)
            if value is None:
                continue
            name = cells.plain(value).casefold()
            if name not in _TIERS:
                raise self._bad(column, value, f"one of {', '.join(_TIERS)}")
            tier = _TIERS[name]
            told |= {tier} if tier else set()
        if len(told) > 1:
            raise BadUsage(f"row {self._row.number}: the service tier is {' and '.join(sorted(told))}, and must be one")
        return {"service_tier": told.pop()} if told else {}


def _is_zero(value: object) -> bool:
    return not isinstance(value, bool) and cells.plain(value) == "0"
