from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.rates.runtime import rates_runtime
from functions.rates.schema import (
    QuoteRequest,
    RateDocument,
    RatesQuery,
    card_document,
    in_effect_document,
    listing,
    quote_document,
)
from functions.rates.terms import AdjustmentDocument, CurrencyDocument, TermsQuery, terms_document, terms_listing
from shared.edge import http
from shared.edge.routes import Response
from shared.edge.usage_request import usage_of
from shared.edge.validation import given_ms
from shared.ledger.accounts import Account
from shared.pricing.terms import TermsKind
from shared.usecases.event_time import RecordingTime, priced_as_of
from shared.usecases.price_usage import estimate_usage, price_usage
from shared.usecases.put_rate_card import put_rate_card
from shared.usecases.put_terms import TermsDraft, put_terms

runtime = rates_runtime()
app = http.Routes(runtime.observability)


@app.route("GET /v1/rates")
def list_rates() -> Response:
    event = app.current_event
    caller = http.caller(event, "credits/read", runtime.identity)
    wanted = http.query(event, RatesQuery).wanted
    shown = listing(runtime.store.page(caller.tenant, wanted))
    if wanted.meter is not None:
        card = runtime.book.find(caller.tenant, wanted.meter, wanted.model, runtime.now_ms())
        shown["in_effect"] = card and in_effect_document(card)
    observe("rates listed", tenant=caller.tenant)
    return http.answer(shown)


@app.route("PUT /v1/rates")
def put_rate() -> Response:
    event = app.current_event
    caller = http.caller(event, "credits/admin", runtime.identity)
    draft = http.body(event, RateDocument).draft
    put = put_rate_card(caller.tenant, draft, runtime.store, runtime.now_ms(), caller.subject)
    observe("rate card created" if put.made else "rate card exists", tenant=caller.tenant, card=put.card.reference)
    return http.answer(card_document(put.card), HTTPStatus.CREATED if put.made else HTTPStatus.OK)


@app.route("GET /v1/rates/adjustments")
def list_adjustments() -> Response:
    return listed("adjustment")


@app.route("PUT /v1/rates/adjustments")
def put_adjustment() -> Response:
    return put(lambda: http.body(app.current_event, AdjustmentDocument).draft(runtime.built_in))


@app.route("GET /v1/rates/currencies")
def list_currencies() -> Response:
    return listed("currency")


@app.route("PUT /v1/rates/currencies")
def put_currency() -> Response:
    return put(lambda: http.body(app.current_event, CurrencyDocument).draft)


def listed(kind: TermsKind) -> Response:
    caller = http.caller(app.current_event, "credits/read", runtime.identity)
    query = http.query(app.current_event, TermsQuery)
    shown = terms_listing(runtime.terms.versions(caller.tenant, kind), query, runtime.now_ms())
    observe("terms listed", tenant=caller.tenant, kind=kind)
    return http.answer(shown)


def put(read: Callable[[], TermsDraft]) -> Response:
    caller = http.caller(app.current_event, "credits/admin", runtime.identity)
    made = put_terms(caller.tenant, read(), runtime.terms, runtime.now_ms(), caller.subject)
    observe("terms created" if made.made else "terms exist", tenant=caller.tenant, terms=made.terms.reference)
    return http.answer(terms_document(made.terms), HTTPStatus.CREATED if made.made else HTTPStatus.OK)


@app.route("POST /v1/rates/quote")
def quote() -> Response:
    event = app.current_event
    caller = http.caller(event, "credits/read", runtime.identity)
    request = http.body(event, QuoteRequest)
    account = None if request.actor is None else caller.account_of(request.actor)
    usage = usage_of(request.usage)
    time = RecordingTime(runtime.now_ms(), runtime.max_usage_age_days)
    occurred_at_ms = given_ms(request.occurred_at)
    at_ms = time.event_time(occurred_at_ms)
    with priced_as_of(occurred_at_ms):
        held = estimate_usage(usage, caller.tenant, runtime.book, at_ms)
        quoted = held if usage.is_estimate else price_usage(usage, usage.units, caller.tenant, runtime.book, at_ms)
    observe("usage quoted", tenant=caller.tenant, card=quoted.card.reference)
    return http.answer(quote_document(quoted, held, None if account is None else carried_by(account)))


def carried_by(account: Account) -> int:
    state = runtime.ledger.state(account)
    return 0 if state is None else state.carry


def observe(message: str, **ids: str) -> None:
    runtime.observability.count(message.title().replace(" ", ""))
    runtime.observability.logger.info(message, extra=ids)


@runtime.observability.invoked(http.CORRELATION_ID)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
