"""Each function does everything it does under its own role, and its role allows nothing else.

The calls of the handlers are compared with the statements of template.yaml, both ways.
"""

from collections.abc import Iterator
from copy import deepcopy
from types import ModuleType
from typing import Any, Final

import pytest

from tests.integration.conftest import stack
from tests.roles.calls import Need
from tests.roles.on_behalf import needs_of_the_key, needs_on_behalf
from tests.roles.policies import Grant, Roles, Used, compared, grants_of, roles_of
from tests.roles.scenes import ROUTES, SCENES, play
from tests.template.loading import FUNCTIONS, listed, of_type
from tests.template.resolved import ACCOUNT, DEFAULT, REGION, Deployment

LEDGER: Final = DEFAULT.value({"Fn::GetAtt": ["LedgerTable", "Arn"]})
SUCCESS: Final = {200, 201}
KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
DEPLOYMENTS: Final = (
    pytest.param(DEFAULT, id="keys of AWS"),
    pytest.param(Deployment({"EncryptionKey": KEY}), id="a key of the customer"),
)

Statements = dict[str, list[dict[str, Any]]]
"""By the logical name of the function."""


@pytest.fixture(scope="session")
def used(modules: dict[str, ModuleType]) -> Used:
    """What all routes and scenes needed, and what Lambda needs to call the functions at all."""
    found = {function: set(needs_on_behalf(function)) for function in FUNCTIONS}
    for route in ROUTES:
        with stack(modules) as world:
            answer = play(world, route)
            assert answer.status in SUCCESS, f"{route}: {answer.text}"
        _add(found, world.roles.used)
    for scene in SCENES:
        with stack(modules) as world:
            scene(world)
        _add(found, world.roles.used)
    return found


def _add(found: dict[str, set[Need]], more: dict[str, set[Need]]) -> None:
    for function, needs in more.items():
        found[function] |= needs


def _with_key(used: Used, deployment: Deployment) -> Used:
    return {function: [*needs, *needs_of_the_key(needs, deployment)] for function, needs in used.items()}


def _statements() -> Statements:
    return {function: deepcopy(DEFAULT.statements(f"{function}Role")) for function in FUNCTIONS}


def _roles(statements: Statements) -> Roles:
    return {function: list(grants_of(each)) for function, each in statements.items()}


def test_every_route_of_the_template_is_called() -> None:
    assert set(ROUTES) == {route["RouteKey"] for route in of_type("AWS::ApiGatewayV2::Route").values()}


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_no_function_makes_a_call_that_its_role_does_not_allow(used: Used, deployment: Deployment) -> None:
    assert compared(roles_of(deployment), _with_key(used, deployment)).missing == []


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_no_role_allows_what_its_function_never_does(used: Used, deployment: Deployment) -> None:
    assert compared(roles_of(deployment), _with_key(used, deployment)).unused == []


def _each_action() -> Iterator[tuple[str, str, str]]:
    for function, statements in _statements().items():
        for statement in statements:
            yield from ((function, statement["Sid"], action) for action in listed(statement["Action"]))


def test_an_action_that_is_taken_from_any_statement_is_missed(used: Used) -> None:
    for function, sid, action in _each_action():
        statements = _statements()
        (narrowed,) = [each for each in statements[function] if each["Sid"] == sid]
        narrowed["Action"] = [each for each in listed(narrowed["Action"]) if each != action]
        missing = {(who, need.action) for who, need in compared(_roles(statements), used).missing}
        assert missing == {(function, action)}, f"{function}Role can do without {action} in {sid}"


def test_an_action_that_is_added_to_any_statement_is_noticed(used: Used) -> None:
    for function, written in _statements().items():
        for place, statement in enumerate(written):
            statements = _statements()
            service = listed(statement["Action"])[0].partition(":")[0]
            statements[function][place]["Action"] = [*listed(statement["Action"]), f"{service}:DeleteItem"]
            unused = {(who, grant.action) for who, grant in compared(_roles(statements), used).unused}
            assert unused == {(function, f"{service}:DeleteItem")}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_statement_about_another_resource_is_noticed(used: Used, function: str) -> None:
    added = Grant("Added", "dynamodb:GetItem", f"{LEDGER}-of-others")
    roles = {**roles_of(), function: [*roles_of()[function], added]}
    assert compared(roles, used).unused == [(function, added)]


def test_partitions_that_a_condition_leaves_out_are_missed(used: Used) -> None:
    statements = _statements()
    (rates,) = [each for each in statements["Cost"] if each["Sid"] == "ReadRates"]
    rates["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] = ["TENANT#other#RATES"]
    found = compared(_roles(statements), used)
    assert {(who, need.action, need.leading_key) for who, need in found.missing} == {
        ("Cost", "dynamodb:Query", "TENANT#main#RATES")
    }
    assert [grant.sid for _, grant in found.unused] == ["ReadRates"]


def test_what_a_role_lacks_is_refused_while_the_function_runs(modules: dict[str, ModuleType]) -> None:
    with stack(modules) as world:
        world.fund({"actor": "user:roles", "amount": 1000})
        vars(world.roles)["_roles"] = {**roles_of(), "Check": []}
        with pytest.raises(AssertionError, match="CheckRole is not allowed dynamodb:GetItem"):
            world.check({"actor": "user:roles"})
