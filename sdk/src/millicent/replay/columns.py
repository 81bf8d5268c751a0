"""What the columns of a usage file mean: as told, by a preset, or by their common names."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Final

from millicent.replay.cells import BadCell, instant, is_nothing, plain
from millicent.replay.errors import BadUsage
from millicent.replay.tables import Row

Quantities = dict[str, int]


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns; None if the column is to be found by its name. `cost` is in dollars."""

    actor: str | None = None
    model: str | None = None
    input: str | None = None
    output: str | None = None
    key: str | None = None
    time: str | None = None
    cost: str | None = None
    app: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """A number of units. It is added to each of the `quantities`; the `columns` are names for the same number."""

    columns: tuple[str, ...]
    quantities: tuple[str, ...]


def _every(_: Row) -> bool:
    return True


def _as_it_is(_: Row, model: str) -> str:
    return model


def _unchanged(_: Row, quantities: Quantities) -> Quantities:
    return quantities


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the columns of one kind of file mean.

    A role has several columns where the first that is not blank tells; with `must_agree`, all that are not blank must
    say the same. `identity` are the columns that together name an event, if the id begins with one of
    `identity_begins`; `bucket` those that name a sum of many requests. `documents` are usage objects as a provider
    reports them. `opened` may be JSON in a text. `listed` are columns that change the price unless they have one of the
    values. `used` are read by the functions. `ignored` change no price; a name that ends with a dot is all its members.
    `total` is the sum of input and output, and is compared. `about` is kept as metadata.
    """

    name: str
    signatures: tuple[frozenset[str], ...] = ()
    actor: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    cost: tuple[str, ...] = ()
    currency: tuple[str, ...] = ()
    app: tuple[str, ...] = ()
    tier: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    total: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    identity_begins: tuple[str, ...] = ()
    bucket: tuple[str, ...] = ()
    counted: tuple[Counted, ...] = ()
    documents: tuple[str, ...] = ()
    listed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    opened: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    must_agree: bool = False
    last_wins: bool = False
    always_tier: str | None = None
    is_usage: Callable[[Row], bool] = _every
    named: Callable[[Row, str], str] = _as_it_is
    amended: Callable[[Row, Quantities], Quantities] = _unchanged

    def fits(self, names: Collection[str]) -> bool:
        return any(signature.issubset(names) for signature in self.signatures)

    def understood(self) -> Iterable[str]:
        """Names that this layout reads, of which the file may lack some."""
        for role in ROLES:
            yield from getattr(self, role)
        yield from (column for counted in self.counted for column in counted.columns)
        yield from self.listed
        yield from self.used
        yield from (f"{document}." for document in self.documents)
        yield from self.documents

    def without(self, names: Collection[str]) -> "Layout":
        """As if the file did not have these columns."""
        kept: dict[str, Any] = {
            role: tuple(name for name in getattr(self, role) if name not in names)
            for role in (*ROLES, "documents", "used")
        }
        counted = (
            Counted(tuple(name for name in each.columns if name not in names), each.quantities) for each in self.counted
        )
        listed = {name: values for name, values in self.listed.items() if name not in names}
        return replace(self, **kept, counted=tuple(each for each in counted if each.columns), listed=listed)

    def told(self, columns: Columns) -> "Layout":
        """With the columns that the caller named in place of its own."""
        roles = {role.name: getattr(columns, role.name) for role in fields(columns)}
        named = {role: (name,) for role, name in roles.items() if name and role not in {"input", "output"}}
        counted = self.counted
        for side in ("input", "output"):
            if roles[side]:
                others = (each for each in counted if each.quantities != (f"{side}_tokens",))
                counted = (Counted((roles[side],), (f"{side}_tokens",)), *others)
        return replace(self, **named, counted=counted)  # type: ignore[arg-type]  # by the names of roles


ROLES: Final = (
    "actor", "model", "time", "cost", "currency", "app", "tier", "free", "total", "about", "key", "identity", "bucket",
)  # fmt: skip

_INPUT: Final = ("input_tokens",)
_OUTPUT: Final = ("output_tokens",)
_COMMON_ROLES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "actor": ("actor", "user", "userid", "customer", "customerid", "account", "accountid", "enduser", "enduserid"),
        "model": ("model", "modelname", "modelid"),
        "time": ("timestamp", "time", "createdat", "created", "starttime", "startedat", "occurredat", "date"),
        # No other common name: a repeated key would be a replay, and its row would never be charged.
        "key": ("idempotencykey",),
        "tier": ("servicetier", "batch", "isbatch"),
        "free": ("cachehit",),
        "app": ("app",),
        "total": ("totaltokens",),
        "currency": ("currency", "billingcurrency"),
    }
)
_COMMON_COUNTS: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        _INPUT: ("inputtokens", "prompttokens", "contexttokens", "tokensin", "tokensprompt", "tokensinput"),
        _OUTPUT: (
            "outputtokens", "completiontokens", "generatedtokens", "tokensout", "tokenscompletion", "tokensoutput",
        ),
        ("cache_read_tokens",): (
            "cachereadtokens", "cachedtokens", "cachedinputtokens", "inputcachedtokens", "cachedprompttokens",
            "prompttokensdetailscachedtokens", "inputtokensdetailscachedtokens", "tokenscached",
        ),
        ("cache_write_tokens",): ("cachewritetokens", "prompttokensdetailscachewritetokens"),
        ("output_reasoning_tokens",): (
            "outputreasoningtokens", "reasoningtokens", "completiontokensdetailsreasoningtokens",
            "outputtokensdetailsreasoningtokens", "tokensreasoning",
        ),
        ("input_audio_tokens",): ("inputaudiotokens", "promptaudiotokens", "prompttokensdetailsaudiotokens"),
        ("output_audio_tokens",): ("outputaudiotokens", "completionaudiotokens", "completiontokensdetailsaudiotokens"),
        ("input_image_tokens",): ("inputimagetokens", "promptimagetokens"),
        ("output_image_tokens",): ("outputimagetokens", "completionimagetokens"),
        ("web_searches",): ("websearches", "websearchcount", "websearchrequests", "servertoolusewebsearchrequests"),
        ("requests",): ("requests", "numrequests", "requestcount", "nummodelrequests"),
    }
)  # fmt: skip
_ANTHROPIC_COUNTS: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        # Anthropic's names, and Anthropic's meaning: its input tokens exclude these.
        ("input_tokens", "cache_write_tokens"): ("cachecreationinputtokens",),
        ("input_tokens", "cache_read_tokens"): ("cachereadinputtokens",),
        ("cache_write_5m_tokens",): ("cachecreationephemeral5minputtokens", "ephemeral5minputtokens"),
        ("cache_write_1h_tokens",): ("cachecreationephemeral1hinputtokens", "ephemeral1hinputtokens"),
    }
)
_QUANTITIES: Final = (
    "cache_audio_read_tokens", "cache_image_read_tokens", "cache_text_read_tokens", "cache_video_read_tokens",
    "cache_write_1h_tokens", "cache_write_5m_tokens", "input_text_tokens", "output_text_tokens", "input_video_tokens",
    "output_video_tokens", "output_citation_tokens", "input_characters", "input_document_pages", "audio_seconds",
    "input_audio_seconds", "output_audio_seconds", "code_executions", "rerank_searches", "storage_searches",
)  # fmt: skip
"""Names of the API that have no other common name."""


def common_layout(names: Collection[str]) -> Layout:
    """By common names, in any case, with or without `_`."""
    by_plain: dict[str, list[str]] = {}
    for name in names:
        by_plain.setdefault(_plain(name), []).append(name)

    def present(plains: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for plain in plains for name in by_plain.get(plain, ()))

    counts: dict[tuple[str, ...], tuple[str, ...]] = {
        **_COMMON_COUNTS,
        **_ANTHROPIC_COUNTS,
        **{(name,): (_plain(name),) for name in _QUANTITIES},
    }
    counted = tuple(Counted(present(plains), to) for to, plains in counts.items() if present(plains))
    roles: dict[str, Any] = {role: present(plains) for role, plains in _COMMON_ROLES.items()}
    return Layout(name="common names", counted=counted, must_agree=True, **roles)


_LABELS: Final = frozenset({"id", "ids", "key", "keys", "name", "url", "uri", "hash", "ms", "at", "arn", "latency"})
_RATES: Final = frozenset({"max", "min", "per", "time", "limit", "remaining", "avg", "average", "median"})
_BILLING: Final = frozenset(
    {
        "token", "tokens", "cost", "costs", "price", "prices", "spend", "spent", "amount", "charge", "charges",
        "charged", "fee", "fees", "cache", "cached", "caching", "batch", "batches", "tier", "image", "images", "audio",
        "video", "videos", "reasoning", "thinking", "thoughts", "search", "searches", "character", "characters",
        "credit", "credits", "discount", "discounts", "bill", "billed", "billing", "units", "quantity", "pages", "tax",
        "speed", "multiplier",
    }
)  # fmt: skip
_TIMES: Final = frozenset(
    {"time", "timestamp", "date", "datetime", "day", "created", "started", "occurred", "when", "ts"}
)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def looks_like_billing(name: str) -> bool:
    """Whether what is in such a column may change a price."""
    words = [word.casefold() for word in _WORD.findall(name)]
    if not words or not _BILLING.intersection(words):
        return False
    return not (_RATES.intersection(words) or (words[-1] in _LABELS and "batch" not in words))


def looks_like_time(name: str) -> bool:
    """Whether what is in such a column may be when the usage was."""
    return not _TIMES.isdisjoint(word.casefold() for word in _WORD.findall(name))


def refuse_untold_time(layout: Layout, rows: Collection[Row], names: Iterable[str], ignored: Collection[str]) -> None:
    """Raises BadUsage if the file has times in a column that is not understood: the prices would be those of now."""
    if any(row.get(name) is not None for row in rows for name in layout.time):
        return
    known = _known(layout, ignored)
    for name in names:
        if name in known or name.startswith(_members(known)) or not looks_like_time(name):
            continue
        row = next((row for row in rows if _is_time(row.get(name))), None)
        if row is not None:
            raise BadUsage(
                f"row {row.number}: the column {name!r} looks like the time of the usage, is {row.get(name)!r:.40}, "
                f"and is not understood; if prices are to be those of that time, give "
                f"--time-column {name!r}, and if not, --ignore-column {name!r}"
            )


def _is_time(value: Any) -> bool:  # noqa: ANN401 - whatever a file has
    try:
        return value is not None and bool(instant(value))
    except BadCell as bad:
        return "ambiguous" in str(bad)


def _known(layout: Layout, ignored: Collection[str]) -> set[str]:
    return {*layout.understood(), *layout.ignored, *ignored}


def _members(known: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in known if name.endswith("."))


def refuse_not_understood(
    layout: Layout, rows: Collection[Row], names: Iterable[str], ignored: Collection[str]
) -> None:
    """Raises BadUsage if a column looks like billing, has a value, and is not understood: its part would be free."""
    known = _known(layout, ignored)
    members = _members(known)
    for name in names:
        if name in known or name.startswith(members) or not looks_like_billing(name):
            continue
        row = next((row for row in rows if not is_nothing(row.get(name))), None)
        if row is not None:
            raise BadUsage(
                f"row {row.number}: the column {name!r} looks like billing, is {row.get(name)!r:.40}, and is not "
                f"understood; if the price does not depend on it, give --ignore-column {name!r}, and if it is what the "
                f"row costs in dollars, --cost-column {name!r}"
            )


def told_value(row: Row, names: tuple[str, ...], must_agree: bool) -> tuple[str, Any]:
    """The column that tells, and its value: the first that is not blank. Raises BadCell if two disagree."""
    values = [(name, row.get(name)) for name in names if row.get(name) is not None]
    if not values:
        return (names[0] if names else ""), None
    if must_agree:
        other = next((each for each in values[1:] if plain(each[1]) != plain(values[0][1])), None)
        if other is not None:
            raise BadCell(f"the same as {other[0]}, which is {other[1]!r}: name the right column with an option")
    return values[0]


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
