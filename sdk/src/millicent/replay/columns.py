"""Assigns the columns of a usage file: as given, or by their common names."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Final

from millicent.replay.errors import BadUsage

_COMMON_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "actor": ("actor", "user", "userid", "customer", "customerid", "account", "accountid"),
        "model": ("model", "modelname", "modelid"),
        "input": ("inputtokens", "prompttokens", "contexttokens", "tokensin"),
        "output": ("outputtokens", "completiontokens", "generatedtokens", "tokensout"),
        # No other common name: a repeated key would be a replay, and its row would never be charged.
        "key": ("idempotencykey",),
        "time": ("timestamp", "time", "createdat"),
    }
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns; None if the file has no such column, or if it is to be found by its name."""

    actor: str | None = None
    model: str | None = None
    input: str | None = None
    output: str | None = None
    key: str | None = None
    time: str | None = None


def find_columns(present: Collection[str], told: Columns) -> Columns:
    """Completes `told`. Raises BadUsage if a named column is missing or no token counts are found."""
    for role in fields(told):
        name = getattr(told, role.name)
        if name is not None and name not in present:
            raise BadUsage(f"no column {name!r}; the columns are {_listed(present)}")
    found = replace(told, **{role: _by_common_name(role, present) for role in _untold(told)})
    for role_name in ("input", "output"):
        if getattr(found, role_name) is None:
            raise BadUsage(
                f"no column of {role_name} tokens among {_listed(present)}; name it with --{role_name}-column"
            )
    return found


def _untold(told: Columns) -> list[str]:
    return [role.name for role in fields(told) if getattr(told, role.name) is None]


def _by_common_name(role: str, present: Collection[str]) -> str | None:
    plain = {_plain(name): name for name in present}
    return next((plain[name] for name in _COMMON_NAMES[role] if name in plain), None)


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
