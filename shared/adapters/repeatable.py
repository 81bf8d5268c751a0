"""A table of which every call may be repeated: reads, and writes that a second one does not change."""

from collections.abc import Callable
from typing import ClassVar, Final, TypeVar

from shared.adapters.connection import bound_to, wired
from shared.adapters.driver import REAL_PACE, Pace, retry_until_deadline
from shared.adapters.dynamodb_answers import CONDITION_FAILED, FAILURES, error_code, translated
from shared.adapters.pynamo import Model, Path, PutError, UpdateError
from shared.ledger.protocol import Busy, Unknown

DEADLINE_MS: Final = 5000

_Answer = TypeVar("_Answer")
_Model = TypeVar("_Model", bound=Model)


class RepeatableTable:
    """Asks until there is an answer or the deadline is over. A class may have another default deadline."""

    default_deadline_ms: ClassVar = DEADLINE_MS

    def __init__(
        self,
        table_name: str,
        deadline_ms: int | None = None,
        *,
        pace: Pace = REAL_PACE,
        region: str | None = None,
        host: str | None = None,
    ) -> None:
        self._place = table_name, region, host
        self._pace = pace
        self._deadline_ms = self.default_deadline_ms if deadline_ms is None else deadline_ms
        self._open()

    def _open(self) -> None:
        """Makes the client at once, if each usage needs one."""

    def _bound(self, model: type[_Model]) -> type[_Model]:
        """The model on this table. It makes a client: call it at the first usage, since that takes time."""
        items = bound_to(model, *self._place)
        wired(items)
        return items

    def _until_deadline(self, ask: Callable[[], _Answer | Busy | Unknown]) -> _Answer:
        return retry_until_deadline(lambda: answered(ask), self._pace, self._deadline_ms)


def put_once(item: Model) -> bool:
    """Writes an item that never changes. False if its key exists, maybe from an attempt of this very call."""
    return is_written(lambda: item.save(condition=Path("pk").does_not_exist()))


def is_written(write: Callable[[], object]) -> bool:
    """Whether a conditional write was made; False if its condition failed."""
    try:
        write()
    except (PutError, UpdateError) as failure:
        if error_code(failure) == CONDITION_FAILED:
            return False
        raise
    return True


def answered(ask: Callable[[], _Answer]) -> _Answer | Busy | Unknown:
    """The answer, or what its failure means."""
    try:
        return ask()
    except FAILURES as failure:
        return translated(failure)
