"""The handler that sam local runs: gives a request without a verified token the test identity, then calls the real one.

This is no part of the service. Only the template that `make sam-local` generates puts it before a function, in a layer
of its own, and only there are the two variables set that it reads. No package of `sam build` holds it: a package holds
what its handler imports, and no handler imports anything of local/.

Where API Gateway verifies a token and hands on its claims, sam local hands on none, and headers not in lower case.
"""

import importlib
import json
import os
from typing import Any

HANDLER_VARIABLE = "TEST_IDENTITY_HANDLER"
"""The real handler, as in functions.cost.handler.lambda_handler."""
CLAIMS_VARIABLE = "TEST_IDENTITY_CLAIMS"
"""The claims of the test identity, as JSON; empty gives none, and every call but the open ones is 401."""


def lambda_handler(event: Any, context: Any) -> Any:  # noqa: ANN401 - whatever Lambda hands over
    return _real_handler()(with_identity(event, json.loads(os.environ[CLAIMS_VARIABLE] or "{}")), context)


def with_identity(event: Any, claims: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    """The event, as API Gateway would send it if a token with these claims had come with the request.

    What is no request of an HTTP API, and a request that has an authorizer's answer already, stays as it is.
    """
    if not isinstance(event, dict) or "routeKey" not in event or "authorizer" in event["requestContext"]:
        return event
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    verified = {"authorizer": {"jwt": {"claims": claims, "scopes": None}}} if claims else {}
    return {**event, "headers": headers, "requestContext": {**event["requestContext"], **verified}}


def _real_handler() -> Any:  # noqa: ANN401 - a handler
    module, _, name = os.environ[HANDLER_VARIABLE].rpartition(".")
    return getattr(importlib.import_module(module), name)
