"""Logs and metrics.

Messages are constant, ids are keys; no body is ever logged, and no account is a metric's dimension.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.ledger.frozen import dataclass
from shared.runtime.causes import causes_of
from shared.runtime.settings import Settings

if TYPE_CHECKING:  # keeps the ledger out of the packages of functions that only log
    from shared.ledger.entries import Entry
    from shared.ledger.errors import RecordDamaged
    from shared.ledger.protocol import Recorded

_RESULTS: Final[Mapping[str, str]] = {"applied": "recorded", "partial": "recorded in part", "refused": "refused"}

_RFC_3339_UTC: Final = "%Y-%m-%dT%H:%M:%S.%FZ"
"""%F is powertools' own: milliseconds. Lambda takes a line whose time is not RFC 3339 for one of level INFO."""
_CALLER: Final = 3
"""A line's location is the place that asked for it, not a method of ours in between."""

_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)
"""What JSON has no form of is logged as its text."""

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Observability:
    """The logs and metrics of a function."""

    logger: Logger
    metrics: Metrics

    def count(self, metric: str, number: int = 1) -> None:
        self.metrics.add_metric(name=metric, unit=MetricUnit.Count, value=number)

    def failed(self, message: str, error: BaseException | None, **facts: object) -> None:
        """One line for what somebody should have had and has not, and what it came from."""
        self.logger.error(message, extra={**facts, **causes_of(error)}, stacklevel=_CALLER)

    def warned(self, message: str, error: BaseException | None, **facts: object) -> None:
        """One line for what went wrong and will be tried again, and what it came from."""
        self.logger.warning(message, extra={**facts, **causes_of(error)}, stacklevel=_CALLER)

    def failed_together(self, message: str, errors: Iterable[BaseException]) -> None:
        """As `failed`, but one line with their `number` for all that came from the same."""
        told = Counter(tuple(causes_of(error).items()) for error in errors)
        for causes, number in told.items():
            self.logger.error(message, extra={**dict(causes), "number": number}, stacklevel=_CALLER)

    def invoked(self, correlation_id_path: str | None = None) -> Callable[[Handler], Handler]:
        """For a handler: ids in every line, metrics written at the end, and a line with the causes of what escapes.

        The line that Lambda writes of such an error has its traceback, but nothing of its causes.
        """

        def observed(handler: Handler) -> Handler:
            @self.logger.inject_lambda_context(clear_state=True)
            @self.metrics.log_metrics(capture_cold_start_metric=True)
            @wraps(handler)
            def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
                if correlation_id_path is not None:
                    self.logger.set_correlation_id(_at(correlation_id_path, event))
                try:
                    return handler(event, context)
                except Exception as error:
                    self.count("InvocationsFailed")
                    self.failed("invocation failed", error)
                    raise

            wrapped: Handler = lambda_handler
            return wrapped

        return observed

    def recorded(self, recorded: "Recorded") -> None:
        """One metric and one log line for an answered mutation."""
        entry = recorded.entry
        result = "replayed" if recorded.replayed else _RESULTS[entry.outcome]
        message = f"{entry.kind.replace('_', ' ')} {result}"
        self.count(message.title().replace(" ", ""))
        self.logger.info(message, extra=_ids(entry), stacklevel=_CALLER)

    def damaged(self, damage: "RecordDamaged") -> None:
        """One metric and one log line for an account without its state: an operator has to restore it."""
        self.count("RecordsDamaged")
        self.logger.error(
            "record is damaged", extra={"tenant": damage.tenant, "actor": damage.actor}, stacklevel=_CALLER
        )


def _at(path: str, event: Any) -> Any:  # noqa: ANN401 - any JSON
    """What an event has at "requestContext.requestId"; None if it has nothing there."""
    for name in path.split("."):
        event = event.get(name) if isinstance(event, Mapping) else None
    return event


def _line(record: Any) -> str:  # noqa: ANN401 - as powertools has it
    return _ENCODER.encode(record).decode()


def observability(settings: Settings) -> Observability:
    """Also has the libraries log warnings alone, and Python's own warnings logged as lines like any."""
    logging.captureWarnings(capture=True)
    logger = Logger(
        service=settings.service, datefmt=_RFC_3339_UTC, utc=True, json_serializer=_line, stage=settings.stage
    )
    # Lambda's level, where it has one, comes before ours to powertools. It is as low as can be, so that Lambda lets
    # the metrics pass, which have no level: what is logged is decided here.
    ours, libraries = logging.getLogger(logger.name), logging.getLogger()
    ours.setLevel(settings.log_level.upper())
    libraries.setLevel(max(logging.WARNING, ours.level))
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
