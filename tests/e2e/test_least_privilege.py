"""The stack runs with its permissions enforced: what a role may not do does not happen."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from millicent import Millicent
from millicent.errors import NotFound
from tests.e2e.laptop import Laptop

pytestmark = pytest.mark.e2e

WRITING = {"dynamodb:PutItem", "dynamodb:UpdateItem"}


def test_a_charge_fails_when_its_role_may_not_write(laptop: Laptop, client: Millicent) -> None:
    actor, key = "user:privilege", "privilege-1"
    client.grant(actor, 100)
    with _without(laptop, "CostRole", WRITING):
        answer = _charge(laptop, actor, key)
    assert answer.status_code == 500
    assert client.account(actor).available == 100
    with pytest.raises(NotFound):
        client.operation(key, actor)

    assert not client.charge(actor, 10, key=key).replayed
    assert client.account(actor).available == 90


def _charge(laptop: Laptop, actor: str, key: str) -> httpx.Response:
    """One attempt."""
    return httpx.post(
        f"{laptop.base_url}/v1/cost",
        json={"actor": actor, "cost": 10},
        headers={"Authorization": f"Bearer {laptop.token('charge')}", "Idempotency-Key": key},
        timeout=60,
    )


@contextmanager
def _without(laptop: Laptop, role: str, actions: set[str]) -> Iterator[None]:
    """Takes actions from the role's own policies until the block ends."""
    iam = laptop.aws.session.client("iam", endpoint_url=laptop.aws.url)
    role_name = laptop.stack.ids[role]
    names = iam.list_role_policies(RoleName=role_name)["PolicyNames"]
    before = {name: iam.get_role_policy(RoleName=role_name, PolicyName=name)["PolicyDocument"] for name in names}
    for name, document in before.items():
        narrowed = _narrowed(json.loads(json.dumps(document)), actions)
        iam.put_role_policy(RoleName=role_name, PolicyName=name, PolicyDocument=json.dumps(narrowed))
    try:
        yield
    finally:
        for name, document in before.items():
            iam.put_role_policy(RoleName=role_name, PolicyName=name, PolicyDocument=json.dumps(document))


def _narrowed(document: dict[str, Any], actions: set[str]) -> dict[str, Any]:
    for statement in document["Statement"]:
        allowed = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [action for action in allowed if action not in actions]
    document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
    return document
