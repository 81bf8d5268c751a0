"""A function that runs in process is held to its role: what template.yaml does not allow it is refused as IAM would."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Final
from unittest.mock import patch

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from shared.adapters.dynamodb_wire import DynamoWire
from tests.roles.calls import Names, Need, needs_of, needs_to_miss
from tests.roles.policies import Roles, roles_of
from tests.template.resolved import resource_variables

MISSING_OBJECT: Final = "NoSuchKey"


@cache
def template_roles() -> Roles:
    return roles_of()


class Enforcement:
    """Knows whose handler runs, remembers what it needed, and refuses what its role lacks.

    `given` are the variables that all functions have in the tests: what a function calls a resource by is one of its
    own variables, so the variable says which resource of the template it is.
    """

    def __init__(self, roles: Roles, given: Mapping[str, str]) -> None:
        self.used: dict[str, set[Need]] = {}
        self._roles = roles
        self._given = given
        # A list and no context variable: a handler's threads act for it too, and a test calls one handler at a time.
        # One that is called while another runs, as in a race, is on top.
        self._running: list[str] = []
        self._refused: list[str] = []

    @contextmanager
    def acting_as(self, function: str) -> Iterator[None]:
        """Of a logical name such as Check. Raises AssertionError if anything was refused.

        The refusal itself may have been caught: a function outlives many an error, and so the lack of a statement.
        """
        self._running.append(function)
        try:
            yield
        finally:
            self._running.pop()
        assert not self._refused, self._refused

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Every client of botocore asks here first, and the wire that stands for DynamoDB's."""
        call = BaseClient._make_api_call  # type: ignore[attr-defined]
        post = DynamoWire._make_api_call

        def asked(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            return self._allowed(client.meta.service_model.service_name, operation, parameters, partial(call, client))

        def posted(wire: DynamoWire, operation: str, parameters: dict[str, Any]) -> Any:
            return self._allowed("dynamodb", operation, parameters, partial(post, wire))

        with patch.object(BaseClient, "_make_api_call", asked), patch.object(DynamoWire, "_make_api_call", posted):
            yield

    def _allowed(self, service: str, operation: str, parameters: dict[str, Any], call: Callable[..., Any]) -> Any:
        if not self._running:
            return call(operation, parameters)
        names = self._names(self._running[-1])
        for need in needs_of(service, operation, parameters, names):
            self._ask(need, operation)
        try:
            return call(operation, parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] == MISSING_OBJECT:
                self._ask(needs_to_miss(parameters["Bucket"], names), operation)
            raise

    def _ask(self, need: Need, operation: str) -> None:
        function = self._running[-1]
        self.used.setdefault(function, set()).add(need)
        if not any(grant.allows(need) for grant in self._roles[function]):
            why = f"{function}Role is not allowed {need.action} on {need.resource} (partition {need.leading_key})"
            self._refused.append(why)
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": why}}, operation)

    def _names(self, function: str) -> Names:
        own = resource_variables(function)
        return {value: own[name] for name, value in self._given.items() if name in own}
