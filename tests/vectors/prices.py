"""The words about prices. A meter belongs to one story, whatever others call theirs."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from tests.integration.world import SERVICE
from tests.vectors.language import Story, action, expectation, given, milliseconds, time_of

REPORTS: Final[dict[str, dict[str, Any]]] = {
    "claude": {
        "provider": "anthropic",
        "raw": {
            "model": "claude-sonnet-4-5-20250929",
            "usage": {
                "input_tokens": 5,
                "cache_creation_input_tokens": 1253,
                "cache_read_input_tokens": 128955,
                "cache_creation": {"ephemeral_5m_input_tokens": 1253, "ephemeral_1h_input_tokens": 0},
                "output_tokens": 300,
            },
        },
    },
    "gpt": {
        "provider": "openai",
        "model": "gpt-4o",
        "raw": {
            "prompt_tokens": 2006,
            "completion_tokens": 300,
            "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
        },
    },
    "gemini": {
        "provider": "google",
        "raw": {
            "modelVersion": "gemini-2.5-pro",
            "usageMetadata": {
                "promptTokenCount": 262960,
                "cachedContentTokenCount": 257955,
                "candidatesTokenCount": 1744,
                "totalTokenCount": 264704,
            },
        },
    },
    "nobody": {
        "provider": "openai",
        "model": "gpt-4o",
        "raw": {"prompt_tokens": 8, "completion_tokens": 1, "units": 5},
    },
}
"""What providers report."""
ADMIN: Final = {**SERVICE, "scope": "credits/admin"}


def meter_of(story: Story, name: str) -> str:
    return f"{story.actor.removeprefix('user:')[:100]}.{name}"


def usage(story: Story, amounts: str, meter: str | None = None, model: str | None = None) -> dict[str, Any]:
    """`374 input-tokens and 44 output-tokens`, of a meter of the story or of a language model."""
    named = {"meter": meter_of(story, meter)} if meter else {"meter": "llm", "model": model}
    quantities = [amount.split(" ") for amount in amounts.split(" and ")]
    return {**named, **{name.replace("-", "_"): number for number, name in quantities}}


@action(
    "{meter:name} cost {n:n} per {per:n} {what:name}"
    " [then {lower:n} above {above:n}] [with at least {least:n}] [in {d:d}]"
)
def put_card(story: Story, meter: str, n: str, per: str, what: str, **more: str | None) -> None:
    """Puts the next version of the meter's card; the functions do not wait for what they remember to be old."""
    tiers = [{"above": more["above"], "price": more["lower"]}] if more["lower"] else []
    prices = {what.replace("-", "_"): {"price": n, "per": int(per), "tiers": tiers}}
    terms = given({"minimum_charge": more["least"], "effective_from": _time(story, more["d"])})
    card = {"meter": meter_of(story, meter), "prices": prices, **terms}
    answer = story.world.call("PUT", "/v1/rates", card, claims=ADMIN)
    assert answer.status in {200, 201}, answer.text
    for name in ("cost", "holds"):
        story.world.modules[name].runtime.rates.forget()


def _time(story: Story, duration: str | None) -> str | None:
    if duration is None:
        return None
    return datetime.fromtimestamp((story.now_ms + milliseconds(duration)) / 1000, UTC).isoformat()


@action("charge {amounts:rest} of {meter:name} [as {key:name}]")
def charge(story: Story, amounts: str, meter: str, key: str | None) -> None:
    story.send(story.world.cost, {"usage": usage(story, amounts, meter)}, key=key)


@action("charge {amounts:rest} of {meter:name} of {d:d} {when:name} [as {key:name}]")
def charge_of_another_time(story: Story, amounts: str, meter: str, d: str, when: str, key: str | None) -> None:
    body = {"usage": usage(story, amounts, meter), "occurred_at": time_of(story, d, when)}
    story.send(story.world.cost, body, key=key)


@action("charge {amounts:rest} of the model {model:name} [as {key:name}]")
def charge_model(story: Story, amounts: str, model: str, key: str | None) -> None:
    story.send(story.world.cost, {"usage": usage(story, amounts, model=model)}, key=key)


@action("charge what {name:name} reported [as {key:name}]")
def charge_report(story: Story, name: str, key: str | None) -> None:
    story.send(story.world.cost, {"usage": REPORTS[name]}, key=key)


@action("capture {name:name} with what {report:name} reported")
def capture_report(story: Story, name: str, report: str) -> None:
    story.send(story.world.change_hold, story.names.get(name, name), "capture", {"usage": REPORTS[report]})


@action("hold {amounts:rest} of the model {model:name} [as {name:name}]")
def hold_model(story: Story, amounts: str, model: str, name: str | None) -> None:
    story.name(name, story.send(story.world.hold, {"usage": usage(story, amounts, model=model)}), "hold")


@action("hold {amounts:rest} of {meter:name} [as {name:name}]")
def hold(story: Story, amounts: str, meter: str, name: str | None) -> None:
    story.name(name, story.send(story.world.hold, {"usage": usage(story, amounts, meter)}), "hold")


@action("capture {name:name} with {amounts:rest} of {meter:name}")
def capture(story: Story, name: str, amounts: str, meter: str) -> None:
    terms = {"usage": usage(story, amounts, meter)}
    story.send(story.world.change_hold, story.names.get(name, name), "capture", terms)


@action("capture {name:name} with {amounts:rest} of the model {model:name}")
def capture_model(story: Story, name: str, amounts: str, model: str) -> None:
    terms = {"usage": usage(story, amounts, model=model)}
    story.send(story.world.change_hold, story.names.get(name, name), "capture", terms)


@action("charge {amounts:rest} of the model {model:name} in the tier {tier:name}")
def charge_tier(story: Story, amounts: str, model: str, tier: str) -> None:
    story.send(story.world.cost, {"usage": usage(story, amounts, model=model) | {"service_tier": tier}})


@action("adjust the tier {tier:name} by {n:n}")
def adjust_tier(story: Story, tier: str, n: str) -> None:
    _put_terms(story, "adjustments", {"name": meter_of(story, "tier"), "service_tier": tier, "multiplier": n})


@action("adjust the model {model:name} by {n:n} [plus {fixed:n}] [with at least {least:n}]")
def adjust_model(story: Story, model: str, n: str, fixed: str | None, least: str | None) -> None:
    more = given({"request_price": fixed, "minimum_charge": least})
    _put_terms(story, "adjustments", {"name": meter_of(story, "model"), "model": model, "multiplier": n, **more})


@action("a unit of {currency:currency} is {n:n} dollars")
def exchange(story: Story, currency: str, n: str) -> None:
    _put_terms(story, "currencies", {"currency": currency, "rate": n})


def _put_terms(story: Story, what: str, terms: dict[str, Any]) -> None:
    answer = story.world.call("PUT", f"/v1/rates/{what}", terms, claims=ADMIN)
    assert answer.status in {200, 201}, answer.text
    for name in ("cost", "holds"):
        story.world.modules[name].runtime.rates.forget()


@action("charge {n:n} of the currency {currency:currency} [as {key:name}]")
def charge_currency(story: Story, n: str, currency: str, key: str | None) -> None:
    story.send(story.world.cost, {"cost_money": {"currency": currency, "amount": n}}, key=key)


@expectation("adjusted by version {n:n}")
def adjusted_by(story: Story, n: str) -> None:
    assert story.answers[-1].body["entry"]["adjustment"].endswith(f"@{n}")


@expectation("not adjusted")
def not_adjusted(story: Story) -> None:
    assert "adjustment" not in story.answers[-1].body["entry"]


@expectation("exchanged at {n:n}")
def exchanged_at(story: Story, n: str) -> None:
    assert story.answers[-1].body["entry"]["exchange_rate"]["rate"] == n


@action("charge {n:n} dollars [as {key:name}]")
def charge_dollars(story: Story, n: str, key: str | None) -> None:
    story.send(story.world.cost, {"cost_usd": n}, key=key)


@action("capture {name:name} with {n:n} dollars")
def capture_dollars(story: Story, name: str, n: str) -> None:
    story.send(story.world.change_hold, story.names.get(name, name), "capture", {"cost_usd": n})


@expectation("priced by version {n:n} of {meter:name}")
def priced_by(story: Story, n: str, meter: str) -> None:
    assert story.answers[-1].body["entry"]["rate_card"] == f"{meter_of(story, meter)}@{n}"


@expectation("priced by the built-in card")
def priced_by_built_in(story: Story) -> None:
    assert re.fullmatch(r"genai-prices@[0-9.]+/[a-z]+/.+", story.answers[-1].body["entry"]["rate_card"])


@expectation("the next {amounts:rest} of {meter:name} would take {n:n}")
def next_one(story: Story, amounts: str, meter: str, n: str) -> None:
    asked = {"usage": usage(story, amounts, meter), "actor": story.actor}
    assert story.world.call("POST", "/v1/rates/quote", asked).body["amount"] == Decimal(n)


@expectation("carried {before:n} before and {after:n} after")
def carried(story: Story, before: str, after: str) -> None:
    entry = story.answers[-1].body["entry"]
    assert (entry["carry_before"], entry["carry_after"]) == (before, after)


@expectation("a hold of {amounts:rest} of the model {model:name} is quoted at {n:n}")
def quoted_hold(story: Story, amounts: str, model: str, n: str) -> None:
    answer = story.world.call("POST", "/v1/rates/quote", {"usage": usage(story, amounts, model=model)})
    assert answer.body["hold"] == Decimal(n)


@expectation("a quote of {amounts:rest} of {meter:name} is {n:n}")
def quoted(story: Story, amounts: str, meter: str, n: str) -> None:
    answer = story.world.call("POST", "/v1/rates/quote", {"usage": usage(story, amounts, meter)})
    assert answer.body["amount"] == Decimal(n)
