"""The feed of each tenant, and what else alerts are made of."""

from shared.adapters.dynamodb_activity import DynamoActivityFeed
from shared.adapters.dynamodb_expiring import DynamoOpenHoldsOfTenants
from shared.adapters.failure_queue import sqs_client
from shared.adapters.failure_queues import SqsFailureQueues
from shared.ports.activity import ActivityFeed, FailureQueues, OpenHoldsOfTenants
from shared.runtime.clock import epoch_now_ms
from shared.runtime.settings import Settings


def feed_of(settings: Settings) -> ActivityFeed:
    return DynamoActivityFeed(settings.activity_table, epoch_now_ms)


def open_holds_of(settings: Settings) -> OpenHoldsOfTenants:
    return DynamoOpenHoldsOfTenants(settings.ledger_table, settings.ledger_deadline_ms)


def failure_queues_of(settings: Settings) -> FailureQueues:
    return SqsFailureQueues(settings.failure_queue_urls, sqs_client)
