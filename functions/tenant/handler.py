from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.tenant.runtime import tenant_runtime
from functions.tenant.usage_schema import TenantUsageQuery, tenant_usage_listing
from shared.edge import http
from shared.edge.routes import Response
from shared.usecases.list_tenant_usage import list_tenant_usage

runtime = tenant_runtime()
app = http.Routes(runtime.observability)


@app.route("GET /v1/usage")
def show_usage() -> Response:
    tenant = http.operator(app.current_event, "credits/read", runtime.identity).tenant
    asked = http.query(app.current_event, TenantUsageQuery).asked(runtime.now_ms())
    usage = list_tenant_usage(tenant, asked, runtime.boards)
    observe("usage of the tenant read", tenant)
    return http.answer(tenant_usage_listing(asked, usage))


def observe(message: str, tenant: str) -> None:
    runtime.observability.count("Reads")
    runtime.observability.logger.info(message, extra={"tenant": tenant})


@runtime.observability.invoked(http.CORRELATION_ID)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
