"""PynamoDB, without botocore's client under it. Whoever needs PynamoDB takes it from here.

PynamoDB imports botocore's client and session, and with them what they need for every service of AWS. That takes half
of the cold start of a function that then does not use them: its client is dynamodb_wire.py. So while PynamoDB is
imported, stand-ins answer for these modules. Afterwards they are gone, and whoever imports the modules gets botocore's.
Where botocore's client is loaded already there is nothing to save, and PynamoDB gets what is there.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

import botocore
from botocore.exceptions import ClientError

from shared.adapters.aws_session import shared_session

_STAND_INS: Final[dict[str, dict[str, Any]]] = {
    "botocore.client": {"ClientError": ClientError},
    "botocore.config": {},
    "botocore.session": {"Session": object, "get_session": shared_session},
    "pynamodb.connection._botocore_private": {"BotocoreBaseClientPrivate": object},
}
"""Each module, and what PynamoDB takes of it while it is imported. It uses most of it in annotations alone."""


@contextmanager
def _without_botocores_client() -> Iterator[None]:
    if "botocore.client" in sys.modules:
        yield
        return
    for name, members in _STAND_INS.items():
        stand_in = ModuleType(name)
        vars(stand_in).update(members)
        sys.modules[name] = stand_in
    vars(botocore)["session"] = sys.modules["botocore.session"]
    try:
        yield
    finally:
        del vars(botocore)["session"]
        for name in _STAND_INS:
            del sys.modules[name]


with _without_botocores_client():
    from pynamodb.attributes import (
        Attribute,
        DiscriminatorAttribute,
        ListAttribute,
        MapAttribute,
        UnicodeAttribute,
        VersionAttribute,
    )
    from pynamodb.connection import Connection
    from pynamodb.constants import BINARY, NULL, NUMBER, STRING
    from pynamodb.exceptions import (
        AttributeDeserializationError,
        AttributeNullError,
        DoesNotExist,
        PutError,
        PynamoDBException,
        TransactWriteError,
        UpdateError,
    )
    from pynamodb.expressions.condition import Condition
    from pynamodb.expressions.operand import Path
    from pynamodb.expressions.update import Action
    from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection
    from pynamodb.models import Model
    from pynamodb.pagination import ResultIterator
    from pynamodb.transactions import TransactWrite

__all__ = [
    "BINARY",
    "NULL",
    "NUMBER",
    "STRING",
    "Action",
    "AllProjection",
    "Attribute",
    "AttributeDeserializationError",
    "AttributeNullError",
    "Condition",
    "Connection",
    "DiscriminatorAttribute",
    "DoesNotExist",
    "GlobalSecondaryIndex",
    "KeysOnlyProjection",
    "ListAttribute",
    "MapAttribute",
    "Model",
    "Path",
    "PutError",
    "PynamoDBException",
    "ResultIterator",
    "TransactWrite",
    "TransactWriteError",
    "UnicodeAttribute",
    "UpdateError",
    "VersionAttribute",
]
