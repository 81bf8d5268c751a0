"""The sums of tenants."""

from shared.adapters.board_items import BoardPointers
from shared.adapters.stored_boards import StoredBoards
from shared.ports.boards import BoardStore
from shared.runtime.settings import Settings


def boards_of(settings: Settings) -> BoardStore:
    return StoredBoards(BoardPointers(settings.usage_table), settings.boards_bucket, settings.tenant_shards)
