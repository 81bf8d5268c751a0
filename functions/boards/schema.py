from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import msgspec

from shared.edge.validation import Identifier
from shared.ledger.accounts import Account
from shared.ledger.boards import Register
from shared.ledger.frozen import dataclass
from shared.usecases.backfill_boards import Backfilled
from shared.usecases.sweep_boards import Swept

Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=86_400)]


class BackfillRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Takes the items of all accounts, from `after` on. `budget_s` is how long this invocation may take."""

    backfill: bool
    after: str | None = None
    budget_s: Seconds | None = None


class RecountRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Puts what the items of an account say in the place of all that the boards have of it, also where that is less."""

    recount: Literal[True]
    tenant: Identifier
    actor: Identifier


class SweepRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Deletes texts that no pointer names, from `after` on. `budget_s` as above.

    `scheduled`: no caller waits, so the function invokes itself to continue.
    """

    sweep: Literal[True]
    scheduled: bool = False
    after: str | None = None
    budget_s: Seconds | None = None


class Codec(NamedTuple):
    """Reads items of the usage table. `register_of` raises ValueError for one that has no sums of an account; `item_of`
    tells from its keys whose it is and of which month, None if it is nobody's.
    """

    register_of: Callable[[Mapping[str, Any]], Register]
    item_of: Callable[[str, str], tuple[Account, str] | None]


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """`removed` are the accounts with an item that somebody deleted, and its month. `malformed` are the keys of records
    that have no sums of an account.
    """

    registers: list[Register] = field(default_factory=list)
    removed: dict[Account, set[str]] = field(default_factory=dict)
    malformed: list[str] = field(default_factory=list)


def stream_batch(event: Mapping[str, Any], codec: Codec) -> StreamBatch:
    """The newest register of each item in a stream event, and who lost one."""
    batch = StreamBatch()
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for record in event["Records"]:
        keys, image = _keys(record), record["dynamodb"].get("NewImage")
        if image is not None:
            newest[keys] = image
        elif (removed := codec.item_of(*keys)) is not None:
            batch.removed.setdefault(removed[0], set()).add(removed[1])
    for keys, image in newest.items():
        try:
            batch.registers.append(codec.register_of(image))
        except ValueError:
            batch.malformed.append(" ".join(keys))
    return batch


def is_backfill(event: Mapping[str, Any]) -> bool:
    return "backfill" in event


def backfill_request(event: Mapping[str, Any]) -> BackfillRequest:
    """Raises msgspec.ValidationError, which names the fault in the event."""
    return msgspec.convert(event, BackfillRequest)


def is_recount(event: Mapping[str, Any]) -> bool:
    return "recount" in event


def account_to_recount(event: Mapping[str, Any]) -> Account:
    """Raises msgspec.ValidationError, which names the fault in the event."""
    request = msgspec.convert(event, RecountRequest)
    return Account(request.tenant, request.actor)


def is_sweep(event: Mapping[str, Any]) -> bool:
    return "sweep" in event


def sweep_request(event: Mapping[str, Any]) -> SweepRequest:
    """Raises msgspec.ValidationError, which names the fault in the event."""
    return msgspec.convert(event, SweepRequest)


def continued(request: SweepRequest, done: Swept) -> dict[str, Any]:
    """The request that continues the sweep where it ended."""
    following: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(request, after=done.next))
    return following


def sweep_answer(done: Swept) -> dict[str, Any]:
    """As JSON. `next` is the `after` of the continuing request, null at the end."""
    return {"texts": done.texts, "deleted": done.deleted, "next": done.next}


def answer(done: Backfilled) -> dict[str, Any]:
    """As JSON. `next` is the `after` of the continuing request, null at the end."""
    return {"items": done.items, "boards": done.boards, "malformed": list(done.malformed), "next": done.next}


def _keys(record: Mapping[str, Any]) -> tuple[str, str]:
    keys = record["dynamodb"]["Keys"]
    return keys["pk"]["S"], keys["sk"]["S"]
