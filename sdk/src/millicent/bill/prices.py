"""Prices of AWS, the only table of them. On demand, us-east-1, first tier, without free tiers and discounts.

As stated in public in the month of AS_OF; the page of each is where to look before you rely on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

AS_OF: Final = "2026-06"
REGION: Final = "us-east-1"
_MILLION: Final = 1_000_000


@dataclass(frozen=True)
class Price:
    """`dollars` for `per` of the unit; `page` states it."""

    item: str
    unit: str
    dollars: float
    per: int
    page: str

    def of(self, amount: float) -> float:
        """Dollars for an amount of the unit."""
        return amount / self.per * self.dollars


_DYNAMODB: Final = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_LAMBDA: Final = "https://aws.amazon.com/lambda/pricing/"

PRICES: Final[Mapping[str, Price]] = {
    "http_requests": Price(
        "API Gateway", "HTTP API requests", 1.00, _MILLION, "https://aws.amazon.com/api-gateway/pricing/"
    ),
    "invocations": Price("Lambda requests", "invocations", 0.20, _MILLION, _LAMBDA),
    "gb_seconds": Price("Lambda duration", "GB-seconds, x86_64", 16.6667, _MILLION, _LAMBDA),
    "write_units": Price("DynamoDB writes", "write request units", 0.625, _MILLION, _DYNAMODB),
    "read_units": Price("DynamoDB reads", "read request units", 0.125, _MILLION, _DYNAMODB),
    "events": Price("EventBridge", "custom events", 1.00, _MILLION, "https://aws.amazon.com/eventbridge/pricing/"),
    "queue_requests": Price("SQS", "requests, standard queue", 0.40, _MILLION, "https://aws.amazon.com/sqs/pricing/"),
    "log_bytes": Price("CloudWatch Logs", "bytes written", 0.50, 10**9, "https://aws.amazon.com/cloudwatch/pricing/"),
}
"""By the unit that is counted. Lambda reads the ledger's stream for free."""

STORED_BYTES: Final = Price("DynamoDB storage", "bytes stored for a month", 0.25, 10**9, _DYNAMODB)
"""Of what stays for ever, a month; not in the price of an operation."""
