"""Views: entries and balances as the API and the events show them. Amounts in millicents, times as RFC 3339."""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from shared.ledger.accounts import Account, Balances
from shared.ledger.amounts import to_millicents
from shared.ledger.calendar import Periods
from shared.ledger.entries import Entry
from shared.ledger.grants import Draw, Grant
from shared.ledger.kinds import KINDS
from shared.ledger.operations import FOR_WANT_OF_CREDITS, GrantCredits
from shared.ledger.policies import Allowance, Policy, limit_values
from shared.ledger.remainders import carry_text, settled
from shared.ledger.times import rfc3339


def public_entry(entry: Entry) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "key": entry.key,
        "seq": entry.seq,
        "kind": entry.kind,
        "actor": entry.account.actor,
        "app": entry.app,
        "by": entry.by,
        "amount": to_millicents(entry.amount),
        "available_before": to_millicents(entry.before.available),
        "available_after": to_millicents(entry.after.available),
        "held_before": to_millicents(entry.before.held),
        "held_after": to_millicents(entry.after.held),
        "drawn": [_public_draw(draw) for draw in entry.drawn],
        "meter": entry.meter,
        "metadata": entry.metadata,
        "at": rfc3339(entry.at_ms),
        "outcome": entry.outcome,
        "reason": entry.reason or entry.parameters.get("note"),
        "hash": entry.hash,
    }
    return shown | _not_restored(entry) | _public_details(entry)


def _not_restored(entry: Entry) -> dict[str, Any]:
    """The part of the returned credits that had expired because their grants had."""
    if KINDS[entry.kind].only_lapses and entry.hold is None:
        return {}
    # Credits are available, held, spent or expired: what the first three lack has expired.
    before, after = entry.before, entry.after
    there = after.available + after.held + after.spent - before.available - before.held - before.spent
    lapsed = after.funded - before.funded - there
    return {"not_restored": to_millicents(lapsed)} if lapsed else {}


def _public_details(entry: Entry) -> dict[str, Any]:
    """The optional fields of an entry."""
    details: dict[str, Any] = {}
    if entry.hold is not None:
        details["hold"] = public_hold(entry.account, entry.hold)
    if entry.alerts:
        details["low_balance"] = [to_millicents(amount) for amount in entry.alerts]
    if entry.limit is not None:
        details["limit"] = public_limit(entry.limit)
    if entry.model is not None:
        details["model"] = entry.model
    if entry.merged is not None:
        details["merged"] = _public_merger(entry.merged)
    if "occurred_at_ms" in entry.parameters:
        details["occurred_at"] = rfc3339(entry.occurred_at_ms)
    details |= _public_family(entry) | _what_it_names(entry)
    if KINDS[entry.kind].answer == "settings":
        details["settings"] = public_settings(entry.parameters)
    return details | _public_price(entry)


def _what_it_names(entry: Entry) -> dict[str, Any]:
    """The charge that a refund returns, and the check that came before a charge: so that readers can tell what belongs
    together."""
    return {name: entry.parameters[name] for name in ("charge", "check_id") if entry.parameters.get(name) is not None}


def _public_price(entry: Entry) -> dict[str, Any]:
    """What an entry's amount was computed from (usage and its rate card, or a cost in dollars), and the carry."""
    parameters = entry.parameters
    shown: dict[str, Any] = {}
    if "rate_card" in parameters:
        shown = {"usage": parameters["usage"], "rate_card": parameters["rate_card"]}
    shown |= {name: parameters[name] for name in _PRICED_BY if name in parameters}
    if entry.carry is not None:
        shown |= {f"carry_{when}": carry_text(entry.carry[when]) for when in ("before", "after")}
    return shown


_PRICED_BY: Final = ("adjustment", "cost_usd", "cost_money", "exchange_rate")


def _public_family(entry: Entry) -> dict[str, Any]:
    member = {} if entry.member is None else {"member": entry.member}
    return member if entry.parent is None else member | {"parent": entry.parent["actor"]}


def _public_merger(merged: Mapping[str, Any]) -> dict[str, Any]:
    expires_at_ms = merged["expires_at_ms"]
    return {
        "grant": merged["grant"],
        "into": merged["into"],
        "amount": to_millicents(merged["amount"]),
        "expires_at": None if expires_at_ms is None else rfc3339(expires_at_ms),
    }


def public_settings(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a change has set; unchanged ones are absent.

    In the order of the record, so that a replay is the same word for word.
    """
    return {name: _SHOWN.get(name, _as_it_is)(value) for name, value in sorted(parameters.items())}


def public_limit(limit: Mapping[str, Any]) -> dict[str, Any]:
    """`limit` of an answer: the spending limit, or the parent account, that decided.

    In the order of the record, so that a replay is the same word for word.
    """
    resets_at_ms = limit.get("resets_at_ms")
    amounts = {name: to_millicents(limit[name]) for name in ("amount", "used") if name in limit}
    shown = {name: value for name, value in sorted(limit.items()) if name != "resets_at_ms"} | amounts
    return shown if "window" not in limit else shown | {"resets_at": resets_at_ms and rfc3339(resets_at_ms)}


def public_hold(account: Account, summary: Mapping[str, Any]) -> dict[str, Any]:
    """`hold` of an answer, from an entry's or a hold's summary."""
    uncaptured = max(summary["amount"] - summary["captured"], 0)
    return {
        "id": summary["id"],
        "actor": account.actor,
        "amount": to_millicents(summary["amount"]),
        "captured": to_millicents(summary["captured"]),
        "remaining": to_millicents(uncaptured if summary["status"] == "open" else 0),
        "status": summary["status"],
        "expires_at": rfc3339(summary["expires_at_ms"]),
    }


def public_balance(balances: Balances) -> dict[str, Any]:
    """`balance` of an answer, in millicents."""
    return {name: to_millicents(amount) for name, amount in _balances(balances).items()}


def _as_it_is(value: object) -> object:
    return value


def _with_amounts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_millicents(value) if name in _AMOUNTS else value for name, value in sorted(values.items())}


_AMOUNTS: Final = frozenset({"amount", "rollover_minimum", "rollover_maximum"})


_SHOWN: Final[Mapping[str, Callable[[Any], object]]] = {
    "overdraft_limit": to_millicents,
    "low_balance_thresholds": lambda amounts: [to_millicents(amount) for amount in amounts],
    "limits": lambda limits: [_with_amounts(limit) for limit in limits],
    "allowance": lambda allowance: _with_amounts(allowance) or None,
    "parent": lambda actor: actor or None,
}


def _balances(balances: Balances) -> dict[str, int]:
    return {
        "available": balances.available,
        "held": balances.held,
        "funded": balances.funded,
        "spent": balances.spent,
    }


def _public_draw(draw: Draw) -> dict[str, Any]:
    return {
        "grant": draw.grant_id,
        "amount": to_millicents(draw.amount),
        "priority": draw.priority,
        "category": draw.category,
        "expires_at": None if draw.expires_at_ms is None else rfc3339(draw.expires_at_ms),
    }


def effect_of(entry: Entry) -> dict[str, Any]:
    """The effect of an entry, as the API shows it.

    Derived from the entry alone, so that a replay is the same word for word.
    """
    effect: dict[str, Any] = {"entry": public_entry(entry), "balance": public_balance(entry.after)}
    if entry.hold is not None:
        effect["hold"] = public_hold(entry.account, entry.hold)
    effect |= shortfall_of(entry)
    answer = KINDS[entry.kind].answer
    if answer == "grant" and not entry.is_refused:
        effect["grant"] = _grant(entry, cast("GrantCredits", entry.terms))
    if answer == "settings":
        effect["settings"] = effect["entry"]["settings"]
    return effect


def shortfall_of(entry: Entry) -> dict[str, Any]:
    """The member of an answer that says what a partial operation did not take; nothing for any other."""
    return {"shortfall": to_millicents(entry.shortfall)} if entry.outcome == "partial" else {}


def _grant(entry: Entry, terms: GrantCredits) -> dict[str, Any]:
    """The grant as this operation added it, less what an overdraft took at once.

    It may have been merged into an older grant with the same priority, expiry and category; the account then lists that
    one.
    """
    owed = max(-entry.before.available, 0)
    return {
        "id": f"g{entry.seq}",
        "amount": to_millicents(terms.amount),
        "remaining": to_millicents(max(terms.amount - owed, 0)),
        "priority": terms.priority,
        "category": terms.category,
        "expires_at": None if terms.expires_at_ms is None else rfc3339(terms.expires_at_ms),
    }


def public_policy(policy: Policy, now_ms: int) -> dict[str, Any]:
    """The settings of the account, as the API shows them: amounts in millicents."""
    return {
        "status": policy.status,
        "time_zone": policy.time_zone,
        "low_balance_thresholds": [to_millicents(each.amount) for each in policy.thresholds],
        "limits": [public_limit(limit_values(limit)) for limit in policy.limits_at(Periods(now_ms, policy.time_zone))],
        "allowance": None if policy.allowance is None else _public_allowance(policy.allowance),
        "parent": policy.parent,
    }


def _public_allowance(allowance: Allowance) -> dict[str, Any]:
    return {
        "amount": to_millicents(allowance.amount),
        "interval": allowance.interval,
        "priority": allowance.priority,
        "rollover_minimum": to_millicents(allowance.rollover_minimum),
        "rollover_maximum": to_millicents(allowance.rollover_maximum),
        "next_at": rfc3339(allowance.next_at_ms),
    }


def _public_grant(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.id,
        "amount": to_millicents(grant.amount),
        "remaining": to_millicents(grant.remaining),
        "priority": grant.priority,
        "category": grant.category,
        "expires_at": None if grant.expires_at_ms is None else rfc3339(grant.expires_at_ms),
    }


def explanation_of(entry: Entry) -> dict[str, Any]:
    """The balances and limits, in millicents, that explain the refusal."""
    before = entry.before
    if entry.reason == "funding_conflict":
        return {"reason": entry.reason, "funded": to_millicents(before.funded)}
    balances = {"available": to_millicents(before.available), "held": to_millicents(before.held)}
    required = _required(entry)
    if required is None:
        missing = {"shortfall": to_millicents(entry.shortfall)} if entry.reason in FOR_WANT_OF_CREDITS else {}
        return {"reason": entry.reason, **balances, **_limit(entry), **missing}
    explained = {"reason": entry.reason, "required": to_millicents(required), **balances}
    return (
        explained | _limit(entry) | (_what_is_missing(entry, required) if entry.reason in FOR_WANT_OF_CREDITS else {})
    )


def _limit(entry: Entry) -> dict[str, Any]:
    return {} if entry.limit is None else {"limit": public_limit(entry.limit)}


def _what_is_missing(entry: Entry, required: int) -> dict[str, Any]:
    """`largest_affordable` is the largest amount that would not have been refused."""
    return {
        "shortfall": to_millicents(entry.shortfall),
        "largest_affordable": to_millicents(max(required - entry.shortfall, 0)),
    }


def _required(entry: Entry) -> int | None:
    """The amount that the operation required, in microcents; for a hold with a minimum, the minimum."""
    asked, parameters = KINDS[entry.kind].asked, entry.parameters
    match asked:
        case "cost":
            return _with_carry(entry, parameters["cost"], parameters.get("remainder"))
        case "minimum":
            minimum = parameters.get("minimum_amount")
            return int(parameters["amount"] if minimum is None else minimum)
        case "amount_with_carry":
            amount = parameters.get("amount")
            return None if amount is None else _with_carry(entry, amount, parameters.get("remainder"))
        case "amount":
            return parameters.get("amount")
        case None:
            return None


def _with_carry(entry: Entry, amount: int, remainder: int | None) -> int:
    """The cost of the usage including the account's carry."""
    return settled(amount, remainder, entry.carry["before"] if entry.carry else 0).amount
