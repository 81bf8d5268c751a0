from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.accounts.runtime import accounts_runtime
from functions.accounts.schema import AccountsQuery, NoQuery, accounts_listing
from shared.edge import http
from shared.edge.path_ids import from_path
from shared.edge.routes import Response
from shared.edge.validation import identifier
from shared.ledger.accounts import Account
from shared.ledger.errors import RecordDamaged
from shared.usecases.list_accounts import list_accounts
from shared.usecases.read_account import read_account

runtime = accounts_runtime()
app = http.Routes(runtime.observability)


@app.route("GET /v1/accounts")
def show_accounts() -> Response:
    tenant = http.operator(app.current_event, "credits/read", runtime.identity).tenant
    query = http.query(app.current_event, AccountsQuery)
    page = list_accounts(tenant, query.wanted(tenant), runtime.accounts, runtime.ledger, runtime.now_ms())
    for account in page.damaged:
        runtime.observability.damaged(RecordDamaged(account.tenant, account.actor))
    runtime.observability.count("Reads")
    runtime.observability.logger.info("accounts listed", extra={"tenant": tenant, "accounts": len(page.items)})
    return http.answer(accounts_listing(tenant, query.prefix, page))


@app.route("GET /v1/accounts/{actor}")
def show_account(actor: str) -> Response:
    account = account_of(actor)
    http.query(app.current_event, NoQuery)
    state = read_account(account, runtime.ledger, runtime.now_ms())
    observe("account read", account)
    return http.answer(state)


@app.route("GET /v1/health")
def show_health() -> Response:
    runtime.observability.logger.info("health asked")
    return http.answer({"status": "ok"})


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
