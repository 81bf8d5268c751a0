"""What was recognised in a file: a value to show before anything is charged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from millicent.replay.columns import ROLES, Layout
from millicent.replay.tables import Table

_SHOWN_ROLES: Final = tuple(role for role in ROLES if role not in {"identity", "bucket", "about", "currency"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """How the file is written, and what its columns were taken for.

    `columns` has a role, or the quantities that a column counts, and its columns. `ignored` are the columns that
    change nothing. `blank_rows` say nothing at all, `other_rows` are of something else than usage, `repeated_rows` are
    the same event again.
    """

    format: str
    compression: str | None
    encoding: str
    separator: str | None
    preset: str
    columns: Mapping[str, str]
    ignored: tuple[str, ...]
    rows: int
    blank_rows: int = 0
    other_rows: int = 0
    repeated_rows: int = 0
    sums: bool = False

    def facts(self) -> dict[str, object]:
        """For people, with a name for each; None where there is nothing to say."""
        return {
            "format": ", ".join(filter(None, (self.format, self.separator and f"separator {self.separator}",
                                              self.encoding, self.compression))),
            "preset": self.preset,
            **self.columns,
            "ignored columns": ", ".join(self.ignored) or None,
            "rows of usage": self.rows,
            "blank rows": self.blank_rows or None,
            "rows of something else": self.other_rows or None,
            "repeated rows": self.repeated_rows or None,
            "each row": "is a sum of requests: no long-context prices" if self.sums else None,
        }  # fmt: skip


def columns_of(layout: Layout, table: Table) -> dict[str, str]:
    """The columns that the file has, by role and by the quantities that they count."""
    present = set(table.names)
    told = {role: getattr(layout, role) for role in _SHOWN_ROLES if role != "key"}
    roles = {role: _listed(names, present) for role, names in told.items()}
    times = layout.time[:1] if layout.bucket else ()
    identity = layout.key or layout.identity or (*times, *layout.bucket)
    roles["key"] = ", ".join(name for name in identity if name in present)
    for counted in layout.counted:
        name = " and ".join(counted.quantities)
        columns = _listed(counted.columns, present)
        roles[name] = " and ".join(filter(None, (roles.get(name), columns)))
    roles["usage"] = ", ".join(layout.documents)
    roles["also read"] = ", ".join(name for name in (*layout.used, *layout.listed) if name in present)
    shown = {role: names for role, names in roles.items() if names}
    shown.setdefault("key", "the content of the row")
    return shown


def ignored_by(layout: Layout, table: Table) -> tuple[str, ...]:
    """The columns that nothing is read from; of members of members, the outermost name."""
    known = set(layout.understood())
    members = tuple(name for name in known if name.endswith("."))
    unread = (name for name in table.names if name not in known and not name.startswith(members))
    outermost = {name.partition(".")[0] if table.format != "CSV" else name: None for name in unread}
    return tuple(outermost)


def _listed(names: Iterable[str], present: set[str]) -> str:
    return ", else ".join(name for name in names if name in present)
