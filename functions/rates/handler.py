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
from shared.edge import http
from shared.edge.routes import Response
from shared.edge.usage_request import usage_of
from shared.edge.validation import given_ms
from shared.ledger.accounts import Account
from shared.usecases.event_time import RecordingTime
from shared.usecases.price_usage import estimate_usage, price_usage
from shared.usecases.put_rate_card import put_rate_card

runtime = rates_runtime()
app = http.Routes(runtime.observability)


@app.route("GET /v1/rates")
def list_rates() -> Response:
    event = app.current_event
    caller = http.caller(event, "credits/read", runtime.tenants)
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
    caller = http.caller(event, "credits/admin", runtime.tenants)
    draft = http.body(event, RateDocument).draft
    put = put_rate_card(caller.tenant, draft, runtime.store, runtime.now_ms(), caller.subject)
    observe("rate card created" if put.made else "rate card exists", tenant=caller.tenant, card=put.card.reference)
    return http.answer(card_document(put.card), HTTPStatus.CREATED if put.made else HTTPStatus.OK)


@app.route("POST /v1/rates/quote")
def quote() -> Response:
    event = app.current_event
    caller = http.caller(event, "credits/read", runtime.tenants)
    request = http.body(event, QuoteRequest)
    account = None if request.actor is None else caller.account_of(request.actor)
    usage = usage_of(request.usage)
    time = RecordingTime(runtime.now_ms(), runtime.max_usage_age_days)
    at_ms = time.event_time(given_ms(request.occurred_at))
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
