import json
from collections.abc import Mapping
from typing import Any

from shared.ledger.accounts import Account
from shared.ledger.events import SOURCE
from shared.ledger.ids import is_id
from shared.usecases.count_usage import UsageSignal


def wakes(event: Mapping[str, Any]) -> list[UsageSignal]:
    """The messages of a queue event; the body of each is an event of the bus about an entry."""
    return [_wake(record["messageId"], record["body"]) for record in event["Records"]]


def _wake(message_id: str, body: str) -> UsageSignal:
    try:
        envelope = json.loads(body)
        detail, source = envelope["detail"], envelope["source"]
        tenant, actor, seq = detail["tenant"], detail["actor"], detail["seq"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return UsageSignal(message_id)
    is_ours = source == SOURCE and is_id(tenant) and is_id(actor) and type(seq) is int and seq > 0
    return UsageSignal(message_id, Account(tenant, actor), seq) if is_ours else UsageSignal(message_id)
