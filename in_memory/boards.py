"""The boards of tenants in memory, and the sums of accounts in memory as registers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from in_memory.usage import MemoryUsageBook
from shared.ledger.accounts import Account
from shared.ledger.boards import DAY_PART, Register
from shared.ledger.usage import Slot, Sums
from shared.ports.boards import BoardPlace, PartGone, Pointer, RegisterPage, TextPage
from shared.usecases.merge_boards import BoardDesk, merge_boards


class MemoryBoardStore:
    """Implements boards.BoardStore."""

    def __init__(self, shards: int = 1) -> None:
        self.kept: dict[tuple[BoardPlace, str], str] = {}
        self.pointed: dict[BoardPlace, Pointer] = {}
        self._shards = shards
        self._shards_of: dict[tuple[str, str], int] = {}

    def shards(self, tenant: str, month: str) -> int:
        return self._shards_of.setdefault((tenant, month), self._shards)

    def pointer(self, place: BoardPlace) -> Pointer | None:
        return self.pointed.get(place)

    def pointers(self, tenant: str, first_month: str, last_month: str) -> Sequence[tuple[BoardPlace, Pointer]]:
        found = [
            (place, pointer)
            for place, pointer in self.pointed.items()
            if place.tenant == tenant and first_month <= place.month <= last_month
        ]
        return sorted(found, key=lambda each: (each[0].month, each[0].shard))

    def texts(self, wanted: Sequence[tuple[BoardPlace, str]]) -> Sequence[str]:
        try:
            return [self.kept[each] for each in wanted]
        except KeyError as gone:
            raise PartGone(str(gone)) from gone

    def lines(self, place: BoardPlace, name: str) -> Iterable[str]:
        (text,) = self.texts([(place, name)])
        return text.removesuffix("\n").split("\n") if text else []

    def keep(self, place: BoardPlace, texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            if self.kept.setdefault((place, name), text) != text:
                raise AssertionError(f"{name} is kept with another text")

    def flip(self, place: BoardPlace, pointer: Pointer) -> bool:
        before = self.pointed.get(place)
        if (before.version if before else 0) != pointer.version - 1:
            return False
        self.pointed[place] = replace(pointer, names=dict(pointer.names))
        return True

    def drop(self, place: BoardPlace, names: Iterable[str]) -> None:
        for name in names:
            self.kept.pop((place, name), None)

    def listed(self, after: str | None) -> TextPage:  # noqa: ARG002 - all are on one page
        return TextPage(list(self.kept), None)


class PresentBoards(MemoryBoardStore):
    """Boards that have everything that is counted, whenever somebody reads them."""

    def __init__(self, book: MemoryUsageBook, now_ms: Callable[[], int]) -> None:
        super().__init__()
        self._items = MemoryUsageItems(book)
        numbers = count()
        self._desk = BoardDesk(self, now_ms, token=lambda: str(next(numbers)))

    def pointers(self, tenant: str, first_month: str, last_month: str) -> Sequence[tuple[BoardPlace, Pointer]]:
        merge_boards(self._items.page(None).registers, self._desk)
        return super().pointers(tenant, first_month, last_month)


class MemoryUsageItems:
    """Implements boards.UsageItems: an item a day, however many names it has."""

    def __init__(self, book: MemoryUsageBook) -> None:
        self._book = book

    def of_account(self, account: Account) -> Sequence[Register]:
        by_day: dict[str, dict[Slot, Sums]] = {}
        for slot, sums in self._book.sums_of(account).items():
            by_day.setdefault(slot.day, {})[slot] = sums
        through = self._book.counted_through(account)
        return [Register(account, day, DAY_PART, through, sums) for day, sums in by_day.items()]

    def page(self, after: str | None) -> RegisterPage:  # noqa: ARG002 - all are on one page
        registers = [each for account in self._book.accounts for each in self.of_account(account)]
        return RegisterPage(registers, (), None)
