"""An account so plain that it can be believed at a glance: a list of lots and three sums."""

from dataclasses import dataclass, field

NEVER = 10**18


@dataclass
class Lot:
    priority: int
    expires_at_ms: int
    left: int


@dataclass
class Paid:
    """What some credits were made of: pieces of lots, in the order they were taken, and a part that no lot paid."""

    pieces: list[tuple[Lot, int]]
    undrawn: int

    @property
    def amount(self) -> int:
        return sum(piece for _, piece in self.pieces) + self.undrawn

    def last(self, amount: int) -> "Paid":
        """Splits off what was paid last: the undrawn part, then the pieces backwards."""
        undrawn = min(self.undrawn, amount)
        self.undrawn -= undrawn
        amount -= undrawn
        split: list[tuple[Lot, int]] = []
        while amount:
            lot, piece = self.pieces.pop()
            taken = min(piece, amount)
            amount -= taken
            split.append((lot, taken))
            if piece > taken:
                self.pieces.append((lot, piece - taken))
        return Paid(split, undrawn)

    def first(self, amount: int) -> "Paid":
        """Splits off what was paid first: the pieces in their order, then of the undrawn part."""
        split: list[tuple[Lot, int]] = []
        while amount and self.pieces:
            lot, piece = self.pieces.pop(0)
            taken = min(piece, amount)
            amount -= taken
            split.append((lot, taken))
            if piece > taken:
                self.pieces.insert(0, (lot, piece - taken))
        self.undrawn -= amount
        return Paid(split, amount)


@dataclass
class PlainAccount:
    """What an account is worth, kept without sequence, hashes, merging or limits on the number of lots."""

    now_ms: int
    overdraft_limit: int = 0
    debt: int = 0
    funded: int = 0
    spent: int = 0
    lots: list[Lot] = field(default_factory=list)

    @property
    def available(self) -> int:
        return sum(lot.left for lot in self.lots) - self.debt

    @property
    def affordable(self) -> int:
        return max(self.available + self.overdraft_limit, 0)

    def set_time(self, now_ms: int) -> None:
        self.now_ms = now_ms
        for lot in self.lots:
            if lot.expires_at_ms <= now_ms:
                lot.left = 0

    def add(self, amount: int, priority: int, expires_at_ms: int) -> None:
        repaid = min(self.debt, amount)
        self.debt -= repaid
        self.funded += amount
        self.lots.append(Lot(priority, expires_at_ms, amount - repaid))

    def take(self, amount: int, *, last_first: bool = False) -> Paid:
        pieces: list[tuple[Lot, int]] = []
        for lot in sorted(self.lots, key=lambda lot: (lot.priority, lot.expires_at_ms), reverse=last_first):
            taken = min(lot.left, amount)
            lot.left -= taken
            amount -= taken
            if taken:
                pieces.append((lot, taken))
        self.debt += amount
        return Paid(pieces, amount)

    def give_back(self, paid: Paid, at_ms: int | None = None) -> None:
        """`at_ms`: when it came back, where that was earlier than now."""
        at_ms = self.now_ms if at_ms is None else at_ms
        repaid = min(self.debt, paid.undrawn)
        self.debt -= repaid
        if paid.undrawn > repaid:
            self.lots.append(Lot(10, NEVER, paid.undrawn - repaid))
        for lot, piece in sorted(paid.pieces, key=lambda paid: (paid[0].priority, paid[0].expires_at_ms)):
            if lot.expires_at_ms > at_ms:
                repaid = min(self.debt, piece)
                self.debt -= repaid
                lot.left += piece - repaid

    def left_by_rank(self) -> dict[tuple[int, int], int]:
        sums: dict[tuple[int, int], int] = {}
        for lot in self.lots:
            if lot.left:
                rank = (lot.priority, lot.expires_at_ms)
                sums[rank] = sums.get(rank, 0) + lot.left
        return sums
