"""Logs and metrics.

Messages are constant, ids are keys; no body is ever logged, and no account is a metric's dimension.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from shared.runtime.settings import Settings

if TYPE_CHECKING:  # keeps the ledger out of the packages of functions that only log
    from shared.ledger.entries import Entry
    from shared.ledger.errors import RecordDamaged
    from shared.ledger.protocol import Recorded

_RESULTS: Final[Mapping[str, str]] = {"applied": "recorded", "partial": "recorded in part", "refused": "refused"}


@dataclass(frozen=True, slots=True)
class Observability:
    """The logs and metrics of a function."""

    logger: Logger
    metrics: Metrics

    def count(self, metric: str, number: int = 1) -> None:
        self.metrics.add_metric(name=metric, unit=MetricUnit.Count, value=number)

    def recorded(self, recorded: "Recorded") -> None:
        """One metric and one log line for an answered mutation."""
        entry = recorded.entry
        result = "replayed" if recorded.replayed else _RESULTS[entry.outcome]
        message = f"{entry.kind.replace('_', ' ')} {result}"
        self.count(message.title().replace(" ", ""))
        self.logger.info(message, extra=_ids(entry))

    def damaged(self, damage: "RecordDamaged") -> None:
        """One metric and one log line for an account without its state: an operator has to restore it."""
        self.count("RecordsDamaged")
        self.logger.error("record is damaged", extra={"tenant": damage.tenant, "actor": damage.actor})


def observability(settings: Settings) -> Observability:
    logger = Logger(service=settings.service, level=settings.log_level)
    logger.append_keys(stage=settings.stage)
    metrics = Metrics(namespace=settings.metrics_namespace, service=settings.service)
    metrics.set_default_dimensions(stage=settings.stage)
    return Observability(logger, metrics)


def _ids(entry: "Entry") -> dict[str, object]:
    return {
        "tenant": entry.account.tenant,
        "actor": entry.account.actor,
        "key": entry.key,
        "seq": entry.seq,
        "amount_microcents": entry.amount,
        "reason": entry.reason,
    }
