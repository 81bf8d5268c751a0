"""What the emulator itself takes: the requests of a charge, sent again under new keys and without the service's work.

No service that writes the same items can be faster there: it bounds the ratios that part d of the benchmark prints.
"""

import copy
from collections.abc import Callable
from itertools import count
from typing import Any, Final
from unittest.mock import patch
from uuid import uuid4

from shared.adapters.dynamodb_wire import DynamoWire

WRITE: Final = "TransactWriteItems"
_SEND: Final = DynamoWire._make_api_call  # noqa: SLF001 - the one seam that PynamoDB has

_Request = tuple[DynamoWire, str, dict[str, Any]]


class Replay:
    """Calls as `charge` makes them. The state that they write is always the same, so its condition is left out."""

    def __init__(self, charge: Callable[[], object]) -> None:
        self._requests = _requests_of(charge)
        self._numbers = count()
        for _, operation, asked in self._requests:
            if operation == WRITE:
                _forget_the_condition(_state_of(asked))

    def send(self) -> None:
        for wire, operation, asked in self._requests:
            if operation == WRITE:
                self._rename(asked)
            _SEND(wire, operation, asked)

    def _rename(self, asked: dict[str, Any]) -> None:
        state = _state_of(asked)
        for item in asked["TransactItems"]:
            if item["Put"] is not state:
                item["Put"]["Item"]["sk"] = {"S": f"OP#{next(self._numbers)}"}
        asked["ClientRequestToken"] = uuid4().hex


def _requests_of(charge: Callable[[], object]) -> list[_Request]:
    requests: list[_Request] = []

    def send(wire: DynamoWire, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        requests.append((wire, operation, copy.deepcopy(asked)))
        return _SEND(wire, operation, asked)

    with patch.object(DynamoWire, "_make_api_call", send):
        charge()
    return requests


def _state_of(asked: dict[str, Any]) -> dict[str, Any]:
    puts: list[dict[str, Any]] = [item["Put"] for item in asked["TransactItems"]]
    return next(put for put in puts if put["Item"]["sk"] == {"S": "STATE"})


def _forget_the_condition(put: dict[str, Any]) -> None:
    for name in ("ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues"):
        del put[name]
    put.pop("ReturnValuesOnConditionCheckFailure", None)
