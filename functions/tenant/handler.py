from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.tenant.activity_schema import ActivityQuery, NoQuery, activity_listing, alerts_shown
from functions.tenant.runtime import tenant_runtime
from functions.tenant.usage_schema import TenantUsageQuery, tenant_usage_listing
from shared.edge import http
from shared.edge.errors import InsufficientScope
from shared.edge.identity import ADMIN_SCOPE
from shared.edge.routes import Response
from shared.ports.activity import FailureQueues
from shared.usecases.list_activity import list_activity
from shared.usecases.list_tenant_usage import list_tenant_usage
from shared.usecases.tenant_alerts import Alerts, tenant_alerts

runtime = tenant_runtime()
app = http.Routes(runtime.observability)


@app.route("GET /v1/usage")
def show_usage() -> Response:
    tenant = http.operator(app.current_event, "credits/read", runtime.identity).tenant
    asked = http.query(app.current_event, TenantUsageQuery).asked(runtime.now_ms())
    usage = list_tenant_usage(tenant, asked, runtime.boards)
    observe("usage of the tenant read", tenant)
    return http.answer(tenant_usage_listing(asked, usage))


@app.route("GET /v1/activity")
def show_activity() -> Response:
    tenant = http.operator(app.current_event, "credits/read", runtime.identity).tenant
    asked = http.query(app.current_event, ActivityQuery).asked(runtime.activity.feed.shards)
    page = list_activity(tenant, asked, runtime.activity.feed, runtime.now_ms())
    observe("activity listed", tenant)
    return http.answer(activity_listing(tenant, page))


@app.route("GET /v1/alerts")
def show_alerts() -> Response:
    tenant = http.operator(app.current_event, "credits/read", runtime.identity).tenant
    http.query(app.current_event, NoQuery)
    parts = runtime.activity
    alerts = tenant_alerts(tenant, parts.feed, parts.ledger, parts.holds, _queues(), runtime.now_ms())
    observe_failures(alerts)
    observe("alerts shown", tenant)
    return http.answer(alerts_shown(alerts))


def _queues() -> FailureQueues | None:
    """The failure queues, which are those of all tenants: for administrators alone."""
    try:
        http.operator(app.current_event, ADMIN_SCOPE, runtime.identity)
    except InsufficientScope:
        return None
    return runtime.activity.queues


def observe_failures(alerts: Alerts) -> None:
    if alerts.failures is not None and alerts.failures.cause is not None:
        runtime.observability.failed("failure queues did not answer", alerts.failures.cause)


def observe(message: str, tenant: str) -> None:
    runtime.observability.count("Reads")
    runtime.observability.logger.info(message, extra={"tenant": tenant})


@runtime.observability.invoked(http.CORRELATION_ID)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
