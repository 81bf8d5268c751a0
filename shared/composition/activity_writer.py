"""The feed of each tenant, to write it."""

from shared.adapters.dynamodb_activity import WRITE_DEADLINE_MS, DynamoActivityFeed
from shared.ports.activity import ActivityFeed
from shared.runtime.clock import epoch_now_ms
from shared.runtime.settings import Settings


def feed_to_write(settings: Settings) -> ActivityFeed:
    return DynamoActivityFeed(settings.activity_table, epoch_now_ms, settings.activity_days, WRITE_DEADLINE_MS)
