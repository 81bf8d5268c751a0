"""The same calls on botocore alone: items as the ledger writes them, and no work around them.

This is the cost that a service of this shape cannot avoid with the SDK that everybody uses, and so the reference.
"""

from typing import Any, Final

TABLE: Final = "bare"
RECORD: Final = "x" * 700
"""The size of a usual entry's record."""


def client(url: str) -> Any:  # noqa: ANN401 - botocore makes its clients' types at run time
    from botocore.config import Config  # noqa: PLC0415 - not before the functions are imported: they have no botocore
    from botocore.session import get_session  # noqa: PLC0415 - as above

    config = Config(parameter_validation=False, retries={"total_max_attempts": 1, "mode": "standard"})
    return get_session().create_client("dynamodb", endpoint_url=url, config=config)


class Bare:
    def __init__(self, dynamodb: Any) -> None:  # noqa: ANN401 - as above
        self._dynamodb = dynamodb

    def check(self, _: int) -> None:
        self._read()

    def charge(self, number: int) -> None:
        """A read, and a transaction of an entry and a state."""
        self._read()
        self._write([f"OP#{number}", "STATE"])

    def hold_and_capture(self, number: int) -> None:
        """Each reads state and hold, and writes entry, state and hold."""
        self._read()
        self._write([f"OP#{number}.hold", "STATE", f"HOLD#{number}"])
        self._read()
        self._read()
        self._write([f"OP#{number}", "STATE", f"HOLD#{number}"])

    def batch(self, number: int, charges: int) -> None:
        self._read()
        self._write([*(f"OP#{number}.{place}" for place in range(charges)), "STATE"])

    def _read(self) -> None:
        self._dynamodb.get_item(
            TableName=TABLE, Key={"pk": {"S": "main#user:bench"}, "sk": {"S": "STATE"}}, ConsistentRead=True
        )

    def _write(self, sks: list[str]) -> None:
        items = [{"pk": {"S": "main#user:bench"}, "sk": {"S": sk}, "record": {"S": RECORD}} for sk in sks]
        self._dynamodb.transact_write_items(
            TransactItems=[{"Put": {"TableName": TABLE, "Item": each}} for each in items]
        )
