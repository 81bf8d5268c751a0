from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.history.runtime import history_runtime
from functions.history.schema import (
    AuditQuery,
    EntriesQuery,
    OperationQuery,
    StatementQuery,
    UsageQuery,
    audit_listing,
    before_seq,
    listing,
    recorded_key,
    recorded_outcome,
    usage_listing,
)
from functions.history.statement import statement, wants_csv
from shared.edge import http
from shared.edge.path_ids import from_path
from shared.edge.routes import Response
from shared.edge.validation import identifier
from shared.ledger.accounts import Account
from shared.usecases.list_audit import Grace, list_audit
from shared.usecases.list_entries import list_entries
from shared.usecases.list_usage import UsageAsked, list_usage
from shared.usecases.look_up_operation import look_up_operation

runtime = history_runtime()
app = http.Routes(runtime.observability)


@app.route("GET /v1/accounts/{actor}/entries")
def show_entries(actor: str) -> Response:
    account = account_of(actor)
    event = app.current_event
    as_csv = wants_csv(event.header("accept"))
    page = list_entries(account, http.query(event, StatementQuery if as_csv else EntriesQuery).wanted, runtime.ledger)
    observe("entries listed", account)
    return statement(account, page, event.query) if as_csv else http.answer(listing(page))


@app.route("GET /v1/accounts/{actor}/usage")
def show_usage(actor: str) -> Response:
    account = account_of(actor)
    query = http.query(app.current_event, UsageQuery)
    asked = UsageAsked(query.group_by, query.period(runtime.now_ms()), query.after_name, int(query.limit))
    usage = list_usage(account, asked, runtime.usage, runtime.ledger)
    observe("usage read", account)
    return http.answer({"actor": account.actor} | usage_listing(asked, usage))


@app.route("GET /v1/accounts/{actor}/audit")
def show_audit(actor: str) -> Response:
    account = account_of(actor)
    query = http.query(app.current_event, AuditQuery)
    grace = Grace(runtime.now_ms(), runtime.audit_grace_ms)
    audit = list_audit(account, int(query.limit), before_seq(query.after), runtime.trail, runtime.ledger, grace)
    observe("audit listed", account)
    return http.answer(audit_listing(audit))


@app.route("GET /v1/operations/{key}")
def show_operation(key: str) -> Response:
    caller = http.caller(app.current_event, "credits/read", runtime.identity)
    query = http.query(app.current_event, OperationQuery)
    account = caller.account_of(query.actor)
    entry = look_up_operation(account, recorded_key(from_path(key)), runtime.ledger)
    observe("operation read", account)
    return http.answer(recorded_outcome(entry))


def account_of(actor: str) -> Account:
    """The account in the path, if the caller may read it."""
    caller = http.caller(app.current_event, "credits/read", runtime.identity)
    return caller.account_of(identifier(from_path(actor), "path.actor"))


def observe(message: str, account: Account) -> None:
    runtime.observability.count("Reads")
    runtime.observability.logger.info(message, extra={"tenant": account.tenant, "actor": account.actor})


@runtime.observability.invoked(http.CORRELATION_ID)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
