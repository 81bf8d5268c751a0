"""Findings of schemathesis that are none, each with its reason: rules that no JSON Schema can state."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, TypeAlias

from shared.ledger.policies import MAX_ROLLING_LIMITS

REJECTED: Final = "positive_data_acceptance"
"""The check that a request of the described form is not answered 422."""


Asked: TypeAlias = tuple[str, str, Mapping[str, Any] | None]
"""Method, path with query, and body."""

ALICE: Final = "user:alice"
ENTRIES: Final = f"/v1/accounts/{ALICE}/entries"
NESTED: Final[Mapping[str, Any]] = reduce(lambda inner, _: {"a": inner}, range(9), {})
LARGE_TEXT: Final = "how large a decimal text is, its digits and its exponent say together"
OF_THE_CARD: Final = "prices are compared with each other"


@dataclass(frozen=True, slots=True)
class KnownException:
    """A problem that requests of the described form are answered with, such as `asked`.

    `where` is the begin of the path of one of its `errors`, `detail` a part of what that says; None fits all.
    """

    reason: str
    asked: Asked
    code: str = "validation_failed"
    where: str | None = None
    detail: str | None = None

    def fits(self, problem: Mapping[str, Any]) -> bool:
        return problem.get("code") == self.code and all(self._is_of_this(error) for error in problem["errors"])

    def _is_of_this(self, error: Mapping[str, str]) -> bool:
        return (self.where is None or error["path"].startswith(self.where)) and (self.detail or "") in error["detail"]


def _cost(**fields: Any) -> Asked:
    return "POST", "/v1/cost", {"actor": ALICE, **({} if "usage" in fields else {"cost": 1}), **fields}


def _hold(**fields: Any) -> Asked:
    return "POST", "/v1/holds", {"actor": ALICE, **fields}


def _card(**fields: Any) -> Asked:
    return "PUT", "/v1/rates", {"meter": "gpu", **fields}


def _limits(*limits: Mapping[str, Any]) -> Asked:
    return "PUT", f"/v1/accounts/{ALICE}/limits", {"limits": [*limits]}


def _reported(provider: str, **raw: Any) -> Asked:
    return _cost(usage={"provider": provider, "model": "gpt-4o", "raw": raw})


def _adjustment(**fields: Any) -> Asked:
    return "PUT", "/v1/rates/adjustments", {"name": "sample", **fields}


def _llm(**quantities: int) -> dict[str, Any]:
    return {"meter": "llm", "model": "gpt-4o", **quantities}


KNOWN: Final = (
    KnownException(
        "how deep a JSON object is", _cost(metadata=NESTED), where="$.metadata", detail="levels of nesting"
    ),
    KnownException(
        "how large the numbers anywhere in a JSON object are",
        _cost(metadata={"n": 2**70}), where="$.metadata", detail=" fit in ",
    ),
    KnownException(
        "which quantities a rate card prices, and which are parts of others",
        _cost(usage=_llm(cats=1)), "invalid_operation", "$.usage",
    ),
    KnownException(
        "what the usage is worth",
        _hold(usage=_llm(input_tokens=1000), minimum_amount=10**9), "invalid_operation", "$.minimum_amount",
    ),
    KnownException(
        "the clock decides",
        ("POST", "/v1/funding", {"actor": ALICE, "amount": 1, "expires_at": "2000-01-01T00:00:00Z"}),
        "invalid_operation", "$.expires_at",
    ),
    KnownException(
        "the clock decides", _cost(occurred_at="2000-01-01T00:00:00Z"), "invalid_operation", "$.occurred_at"
    ),
    KnownException(
        "which time zones there are",
        ("PATCH", f"/v1/accounts/{ALICE}", {"time_zone": "Mars/Olympus"}), "invalid_operation", "$.time_zone",
    ),
    KnownException(
        "the body and the path are compared",
        ("PATCH", f"/v1/accounts/{ALICE}", {"parent": ALICE}), "invalid_operation", "$.parent",
    ),
    KnownException(
        "which meters and models have a price, the rate cards say",
        _cost(usage={"meter": "nothing", "n": 1}), "unpriced", "$.usage",
    ),
    KnownException(
        "which providers report usage, the price library says",
        _reported("nobody"), where="$.usage.provider", detail="whose reports are known",
    ),
    KnownException(
        "how each provider reports usage, the price library says", _reported("openai", cats=1), where="$.usage.raw"
    ),
    KnownException(
        "which currencies have a rate, the deployer says",
        ("POST", "/v1/cost", {"actor": ALICE, "cost_money": {"currency": "XXX", "amount": "1"}}),
        "unknown_currency", "$.cost_money.currency",
    ),
    KnownException(
        "which models there are, the price library says",
        _adjustment(model="nothing"), where="$.model", detail="of the built-in card, or a pattern",
    ),
    KnownException(
        "which names of a model are others for it, the price library says",
        _adjustment(model="gpt-4o-2024-08-06"), where="$.model", detail="the model's own name",
    ),
    KnownException(
        "which names of a model are others for it, the price library says",
        ("PUT", f"/v1/accounts/{ALICE}/limits", {"limits": [{"amount": 1, "model": "gpt-4o-2024-08-06"}]}),
        where="$.limits[", detail="the model's own name",
    ),
    KnownException(
        "which names of a provider are others for it, the price library says",
        _adjustment(provider="gemini"), where="$.provider", detail="must be google, the provider's own name",
    ),
    KnownException(
        "multipleOf is computed in binary by most validators, and would refuse 1.001: how many decimals a JSON number "
        "may have is in words",
        _cost(cost=1.0001), detail="decimals",
    ),
    KnownException(
        LARGE_TEXT,
        ("POST", "/v1/cost", {"actor": ALICE, "cost_money": {"currency": "EUR", "amount": "1e20"}}),
        where="$.cost_money.amount", detail="below 10^15",
    ),
    KnownException(
        LARGE_TEXT, ("POST", "/v1/cost", {"actor": ALICE, "cost_usd": "1e20"}), where="$.cost_usd", detail="below 10^15"
    ),
    KnownException(
        LARGE_TEXT, ("POST", "/v1/cost", {"actor": ALICE, "cost_usd": "1e14"}), where="$.cost_usd", detail=" dollars"
    ),
    KnownException(
        "12.0 is an integer to JSON Schema; to the service a whole number is one that is written so",
        _hold(amount=1, ttl_s=12.0), detail="must be a whole number",
    ),
    KnownException(
        "a cursor is opaque: only what a page gave is one",
        ("GET", f"{ENTRIES}?after=AAAA", None), where="query.after", detail="of an earlier page",
    ),
    KnownException(
        "where a listing goes on is opaque: only what a page gave is one",
        ("GET", "/v1/activity?newer_than=AAAA", None), where="query.newer_than", detail="of an earlier page",
    ),
    KnownException(
        "the days from `from` to `to` are counted",
        ("GET", f"/v1/accounts/{ALICE}/usage?from=2020-01-01&to=2026-01-01", None),
        where="query.from", detail="366 up to `to`",
    ),
    KnownException(
        "a query parameter cannot be required by another",
        ("GET", "/v1/rates?model=gpt-4o", None), where="query.meter", detail="where model is given",
    ),
    KnownException(
        "the last day that can be written down has no end",
        ("GET", f"/v1/accounts/{ALICE}/proof?digest=9999-12-31", None), where="query.digest",
    ),
    KnownException(
        "two fields are compared",
        _cost(usage=_llm(input_tokens=1), meter="gpu"), where="$.meter", detail="must equal the meter of the usage",
    ),
    KnownException(
        "two fields are compared", _hold(amount=1, minimum_amount=2), where="$.minimum_amount", detail="at most amount"
    ),
    KnownException(
        "limits are compared with each other",
        _limits({"amount": 1}, {"amount": 2}),
        where="$.limits[", detail="must differ from every other",
    ),
    KnownException(
        "limits are counted: `contains` with a lower bound of 0 is newer than many readers of schemas",
        _limits(*({"amount": 1, "window": f"PT{hours}H"} for hours in range(2, MAX_ROLLING_LIMITS + 3))),
        where="$.limits[", detail="must roll in at most",
    ),
    KnownException(
        "how long a duration is, its parts say together",
        _limits({"amount": 1, "window": "P99W"}), where="$.limits[", detail="the length of a rolling window",
    ),
    KnownException("a card of nothing", _card(prices={}), where="$.prices", detail="must have a price, unless"),
    KnownException(
        OF_THE_CARD, _card(prices={"a": {"price": "1", "part_of": ["b"]}}), where="$.prices.", detail="without a cycle"
    ),
    KnownException(
        OF_THE_CARD,
        _card(prices={"a": {"price": "1", "tier_mode": "volume"}}),
        where="$.prices.", detail="where there are no tiers",
    ),
    KnownException(
        OF_THE_CARD,
        _card(prices={"a": {"price": "1", "tiers_by": "b"}}), where="$.prices.", detail="and needs tier_mode volume",
    ),
    KnownException(
        OF_THE_CARD,
        _card(prices={"a": {"price": "1", "tiers": [{"above": 2, "price": 1}, {"above": 1, "price": 1}]}}),
        where="$.prices.", detail="higher than the one before",
    ),
    KnownException(
        "an offset can carry a time beyond the last year",
        ("POST", "/v1/funding", {"actor": ALICE, "amount": 1, "expires_at": "9999-12-31T23:59:59-05:00"}),
        detail="before the year 10000",
    ),
)  # fmt: skip


def is_known(check: str, problem: Mapping[str, Any]) -> bool:
    """Whether a finding of the check, in an answer with this problem, is one of the known exceptions."""
    errors = problem.get("errors", ())
    return (
        check == REJECTED
        and bool(errors)
        and all(any(known.fits({**problem, "errors": [error]}) for known in KNOWN) for error in errors)
    )
