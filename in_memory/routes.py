"""The routes of the gateway, as template.yaml declares them."""

import dataclasses
import re
from functools import cached_property
from typing import Final


@dataclasses.dataclass(frozen=True)  # noqa: TID251 - keeps its pattern, so it has no slots
class Route:
    """`key` is a method and a path with {parameters}. `scope` opens it, None: it is open to all."""

    key: str
    function: str
    scope: str | None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{\w+\}", "[^/]+", self.key))


ROUTES: Final = (
    Route("POST /v1/check", "check", "credits/read"),
    Route("POST /v1/cost", "cost", "credits/charge"),
    Route("POST /v1/cost/batch", "cost", "credits/charge"),
    Route("POST /v1/refunds", "cost", "credits/charge"),
    Route("POST /v1/funding", "funding", "credits/fund"),
    Route("POST /v1/grants/{id}/void", "funding", "credits/fund"),
    Route("POST /v1/holds", "holds", "credits/charge"),
    Route("POST /v1/holds/{id}/capture", "holds", "credits/charge"),
    Route("POST /v1/holds/{id}/release", "holds", "credits/charge"),
    Route("POST /v1/holds/{id}/extend", "holds", "credits/charge"),
    Route("PATCH /v1/accounts/{actor}", "policies", "credits/fund"),
    Route("PUT /v1/accounts/{actor}/limits", "policies", "credits/fund"),
    Route("PUT /v1/accounts/{actor}/allowance", "policies", "credits/fund"),
    Route("DELETE /v1/accounts/{actor}/allowance", "policies", "credits/fund"),
    Route("GET /v1/rates", "rates", "credits/read"),
    Route("PUT /v1/rates", "rates", "credits/admin"),
    Route("GET /v1/rates/adjustments", "rates", "credits/read"),
    Route("PUT /v1/rates/adjustments", "rates", "credits/admin"),
    Route("GET /v1/rates/currencies", "rates", "credits/read"),
    Route("PUT /v1/rates/currencies", "rates", "credits/admin"),
    Route("POST /v1/rates/quote", "rates", "credits/read"),
    Route("GET /v1/accounts", "accounts", "credits/read"),
    Route("GET /v1/accounts/{actor}", "accounts", "credits/read"),
    Route("GET /v1/health", "accounts", None),
    Route("GET /v1/accounts/{actor}/entries", "history", "credits/read"),
    Route("GET /v1/accounts/{actor}/audit", "history", "credits/read"),
    Route("GET /v1/accounts/{actor}/usage", "history", "credits/read"),
    Route("GET /v1/usage", "tenant", "credits/read"),
    Route("GET /v1/operations/{key}", "history", "credits/read"),
    Route("GET /v1/activity", "tenant", "credits/read"),
    Route("GET /v1/alerts", "tenant", "credits/read"),
    Route("GET /v1/accounts/{actor}/proof", "proof", "credits/read"),
    Route("GET /v1/digests/{number}", "proof", "credits/read"),
    Route("GET /openapi.json", "docs", None),
    Route("GET /asyncapi.json", "docs", None),
    Route("GET /docs", "docs", None),
)


def route_of(method: str, path: str) -> Route | None:
    """`path` as it was sent, percent-encoded."""
    asked = f"{method} {path}"
    return next((route for route in ROUTES if route.pattern.fullmatch(asked)), None)
