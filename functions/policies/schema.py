from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, get_args

import msgspec

from shared.edge.errors import FieldError, ValidationFailed
from shared.edge.identity import Caller
from shared.edge.usage_request import ModelName
from shared.edge.validation import Identifier, Microcents, PositiveMicrocents, Priority, convert
from shared.ledger.operations import Configure
from shared.ledger.policies import MAX_LIMITS, MAX_ROLLING_LIMITS, MAX_THRESHOLDS, Interval, Status, Window
from shared.ledger.rolling import MAX_WINDOW_MS, MIN_WINDOW_MS, WINDOW, window_ms, window_text
from shared.pricing.catalogue import Catalogue, own_name

DEFAULT_ALLOWANCE_PRIORITY: Final = 5
"""Lower than the default of grants: credits that are refilled are spent first."""
MAX_ZONE_NAME: Final = 64
NO_ALLOWANCE: Final = Configure(allowance={})

Thresholds = Annotated[
    list[Microcents],
    msgspec.Meta(max_length=MAX_THRESHOLDS, description=f"a list of at most {MAX_THRESHOLDS} amounts"),
]
ZoneName = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MAX_ZONE_NAME,
        description="the name of an IANA time zone, such as Europe/Amsterdam",
    ),
]
Parent = Annotated[
    Identifier | msgspec.UnsetType | None,
    msgspec.Meta(description="the actor of the parent account, or null to leave the present one"),
]


WINDOW_RULE: Final = (
    f"{', '.join(get_args(Window))}, or the length of a rolling window from PT1M to P31D, as an ISO 8601 duration "
    "such as PT5H"
)
LimitWindow = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"\A({'|'.join(get_args(Window))}|{WINDOW})\Z",
        description=WINDOW_RULE,
        examples=["day", "PT5H"],
    ),
]


class SettingsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Omitted settings stay unchanged."""

    overdraft_limit: Microcents | None = None
    low_balance_thresholds: Thresholds | None = None
    time_zone: ZoneName | None = None
    status: Status | None = None
    parent: Parent = msgspec.UNSET

    def terms(self, caller: Caller) -> Configure:
        """Raises ActorNotAllowed for a parent that the caller may not act for: its credits will be spent."""
        return Configure(
            overdraft_limit=None if self.overdraft_limit is None else int(self.overdraft_limit),
            low_balance_thresholds=_highest_first(self.low_balance_thresholds),
            time_zone=self.time_zone,
            status=self.status,
            parent=_parent(self.parent, caller),
        )


class LimitRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    amount: Microcents
    window: LimitWindow | None = None
    app: Identifier | None = None
    meter: Identifier | None = None
    model: ModelName | None = None

    @property
    def scope(self) -> tuple[str | None, ...]:
        return self._window, self.app, self.meter, self.model

    @property
    def length_ms(self) -> int | None:
        """Of a rolling window."""
        return window_ms(self.window)

    @property
    def terms(self) -> dict[str, Any]:
        of_model = {} if self.model is None else {"model": self.model}
        return {"amount": int(self.amount), "window": self._window, "app": self.app, "meter": self.meter, **of_model}

    @property
    def _window(self) -> str | None:
        """A rolling window in its one text, so that PT24H and P1D are the same."""
        return self.window if self.length_ms is None else window_text(self.length_ms)


class AllowanceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    amount: PositiveMicrocents
    interval: Interval
    priority: Priority = DEFAULT_ALLOWANCE_PRIORITY
    rollover_minimum: Microcents = Microcents(0)
    rollover_maximum: Microcents = Microcents(0)


def settings(document: Mapping[str, Any], caller: Caller) -> Configure:
    """Raises ValidationFailed, also for a request without changes."""
    terms = convert(document, SettingsRequest).terms(caller)
    if terms == Configure():
        fields = ", ".join(SettingsRequest.__struct_fields__)
        raise ValidationFailed([FieldError("$", f"must give at least one of {fields}")])
    return terms


def limits(document: Mapping[str, Any], catalogue: Catalogue) -> Configure:
    """The complete list of limits. Raises ValidationFailed, which names every invalid field."""
    faults = [FieldError(f"$.{name}", "unknown field") for name in document.keys() - {"limits"}]
    given = document.get("limits")
    if not isinstance(given, list) or len(given) > MAX_LIMITS:
        raise ValidationFailed([*faults, FieldError("$.limits", f"must be a list of at most {MAX_LIMITS} limits")])
    read = [_limit(each, f"$.limits[{place}]") for place, each in enumerate(given)]
    faults += [fault for each in read if isinstance(each, ValidationFailed) for fault in each.errors]
    wanted = [each for each in read if isinstance(each, LimitRequest)]
    if faults := faults or [*_repeated(wanted), *_too_many_rolling(wanted), *_misnamed(wanted, catalogue)]:
        raise ValidationFailed(faults)
    return Configure(limits=[each.terms for each in wanted])


def allowance(document: Mapping[str, Any]) -> Configure:
    """Raises ValidationFailed."""
    request = convert(document, AllowanceRequest)
    return Configure(
        allowance={
            "amount": int(request.amount),
            "interval": request.interval,
            "priority": request.priority,
            "rollover_minimum": int(request.rollover_minimum),
            "rollover_maximum": int(request.rollover_maximum),
        }
    )


def _highest_first(thresholds: Sequence[int] | None) -> list[int] | None:
    return None if thresholds is None else sorted({int(each) for each in thresholds}, reverse=True)


def _parent(actor: str | msgspec.UnsetType | None, caller: Caller) -> str | None:
    if actor is msgspec.UNSET:
        return None
    return caller.account_of(actor).actor if isinstance(actor, str) else ""


def _limit(document: object, path: str) -> LimitRequest | ValidationFailed:
    if not isinstance(document, Mapping):
        return ValidationFailed([FieldError(path, "must be a JSON object")])
    try:
        limit = convert(document, LimitRequest, root=path)
    except ValidationFailed as invalid:
        return invalid
    if limit.length_ms is None or MIN_WINDOW_MS <= limit.length_ms <= MAX_WINDOW_MS:
        return limit
    return ValidationFailed([FieldError(f"{path}.window", f"must be {WINDOW_RULE}")])


def _repeated(wanted: Sequence[LimitRequest]) -> Iterator[FieldError]:
    for place, each in enumerate(wanted):
        if each.scope in {other.scope for other in wanted[:place]}:
            yield FieldError(f"$.limits[{place}]", "must differ from every other limit in window, app, meter or model")


def _misnamed(wanted: Sequence[LimitRequest], catalogue: Catalogue) -> Iterator[FieldError]:
    """Under another name of its model a limit would bind nothing: usage counts under the model's own name."""
    for place, each in enumerate(wanted):
        identity = None if each.model is None else catalogue.resolve(each.model)
        name = each.model if identity is None else own_name(identity, catalogue)
        if name != each.model:
            yield FieldError(f"$.limits[{place}].model", f"must be {name}, the model's own name")


def _too_many_rolling(wanted: Sequence[LimitRequest]) -> Iterator[FieldError]:
    rolling = [place for place, each in enumerate(wanted) if each.length_ms is not None]
    for place in rolling[MAX_ROLLING_LIMITS:]:
        yield FieldError(f"$.limits[{place}].window", f"must roll in at most {MAX_ROLLING_LIMITS} limits")
