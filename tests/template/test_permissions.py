"""What no role may ever do. That each may do what it does and nothing else is seen from its calls, in tests/roles."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

import pytest

from tests.template.loading import FUNCTIONS, listed, of_type, properties, references, statements

LEDGER: Final = {"Fn::GetAtt": ["LedgerTable", "Arn"]}
AUDIT: Final = {"Fn::GetAtt": ["AuditTable", "Arn"]}
AUDIT_SPELLED: Final = properties("AuditTable")["ResourcePolicy"]["PolicyDocument"]["Statement"][0]["Resource"]
"""The same table, in the roles that the table's own policy names: a template must not go round in circles."""
USAGE: Final = {"Fn::GetAtt": ["UsageTable", "Arn"]}
RATES_ALONE: Final = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["TENANT#*#RATES"]}}
DIGESTS: Final = {"Fn::Sub": "${DigestBucket.Arn}/*"}
BOARDS: Final = {"Fn::Sub": "${BoardsBucket.Arn}/*"}
BOARDS_ALONE: Final = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["TENANT#*#BOARDS"]}}
FOUND_BY_INDEX: Final = {"Fn::Sub": "${LedgerTable.Arn}/index/open-holds"}
LISTED_BY_INDEX: Final = {"Fn::Sub": "${LedgerTable.Arn}/index/accounts"}
READERS: Final = {"Check", "Accounts", "History", "Tenant", "Usage", "Reconcile", "Digest"}
"""Of the ledger. The others that reach it record in it."""
WRITES: Final = {"dynamodb:PutItem", "dynamodb:UpdateItem"}
AUDIT_OVERWRITES: Final = {"UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLUpdate", "PartiQLDelete"}


def _statements() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in of_type("AWS::IAM::Role"):
        yield from ((name, statement) for statement in statements(name))
    for name, policy in of_type("AWS::IAM::ManagedPolicy").items():
        yield from ((name, _if_any(statement)) for statement in policy["PolicyDocument"]["Statement"])


def _if_any(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    """The statement itself, of one that is there under a condition."""
    _, there, _ = statement.get("Fn::If", (None, statement, None))
    return there  # type: ignore[no-any-return]


def _granted() -> Iterator[tuple[str, Any, Any]]:
    """Where, action and resource of everything that any role is allowed."""
    for name, statement in _statements():
        yield from ((name, *each) for each in product(listed(statement["Action"]), listed(statement["Resource"])))


def test_every_function_has_a_role_of_its_own() -> None:
    roles = [properties(f"{name}Function")["Role"] for name in FUNCTIONS]
    assert roles == [{"Fn::GetAtt": [f"{name}Role", "Arn"]} for name in FUNCTIONS]
    assert set(of_type("AWS::IAM::Role")) == {f"{name}Role" for name in FUNCTIONS}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_is_for_lambda_alone_and_brings_no_foreign_policy(name: str) -> None:
    role = properties(f"{name}Role")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert set(references(role["ManagedPolicyArns"])) - {"AWS::NoValue"} <= set(of_type("AWS::IAM::ManagedPolicy"))


def test_no_action_has_a_wildcard() -> None:
    assert [each for each in _granted() if "*" in each[1]] == []


def test_traces_alone_go_to_a_resource_without_a_name() -> None:
    unnamed = {
        (where, action)
        for where, action, target in _granted()
        if "*" in str(target) and target not in (DIGESTS, BOARDS)
    }
    assert unnamed == {
        ("TracingPolicy", "xray:PutTraceSegments"),
        ("TracingPolicy", "xray:PutTelemetryRecords"),
    }


def test_no_role_may_update_or_delete_a_row_of_the_audit_table() -> None:
    on_audit = {(where, action) for where, action, target in _granted() if target in (AUDIT, AUDIT_SPELLED)}
    assert {action.removeprefix("dynamodb:") for _, action in on_audit} & AUDIT_OVERWRITES == set()
    assert {where for where, action in on_audit if action == "dynamodb:PutItem"} == {"AuditRole", "ReconcileRole"}


def test_the_sums_of_usage_are_written_by_the_function_that_adds_them_up_alone() -> None:
    writing = [(where, each) for where, each in _statements() if each["Resource"] == USAGE]
    writing = [(where, each) for where, each in writing if WRITES & set(listed(each["Action"]))]
    assert {where for where, each in writing if each.get("Condition") != BOARDS_ALONE} == {"UsageRole"}
    assert {where for where, each in writing if each.get("Condition") == BOARDS_ALONE} == {"BoardsRole"}


def test_the_sums_of_tenants_are_written_by_the_function_that_adds_them_up_alone() -> None:
    on_boards = {(where, action) for where, action, target in _granted() if target == BOARDS}
    assert on_boards == {
        ("BoardsRole", "s3:GetObject"),
        ("BoardsRole", "s3:PutObject"),
        ("BoardsRole", "s3:DeleteObject"),
        ("TenantRole", "s3:GetObject"),
        ("ReconcileRole", "s3:GetObject"),
    }


def test_no_role_may_delete_a_row_of_the_ledger_or_write_one_anew_but_by_putting_it() -> None:
    on_ledger = {action for _, action, target in _granted() if target == LEDGER}
    reads = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan"}
    assert on_ledger == {*reads, "dynamodb:PutItem"}


def test_whoever_only_reads_the_ledger_cannot_write_to_it() -> None:
    writers = {where for where, action, target in _granted() if target == LEDGER and action in WRITES}
    assert {f"{name}Role" for name in READERS} & writers == set()


@pytest.mark.parametrize("name", ["Check", "Cost", "Funding", "Holds", "Policies", "Ingest", "Accounts", "Due"])
def test_of_the_accounts_in_the_ledger_those_that_do_or_show_what_is_due_may_list_open_holds_alone(name: str) -> None:
    listings = [each for each in statements(f"{name}Role") if "dynamodb:Query" in listed(each["Action"])]
    of_accounts = [each["Resource"] for each in listings if each.get("Condition") != RATES_ALONE]
    assert of_accounts == [FOUND_BY_INDEX, *([LISTED_BY_INDEX] if name == "Accounts" else [])]


def test_the_rates_function_writes_rate_cards_alone_and_of_accounts_reads_items_that_it_names() -> None:
    on_ledger = [each for each in statements("RatesRole") if each["Resource"] == LEDGER]
    reached = {tuple(listed(each["Action"])): each["Condition"] for each in on_ledger}
    assert reached == {
        ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"): RATES_ALONE,
        ("dynamodb:GetItem",): {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["TENANT#*#ACTOR#*"]}},
    }


def test_a_digest_is_put_by_its_function_alone_and_removed_by_none() -> None:
    on_digests = {(where, action) for where, action, target in _granted() if target == DIGESTS}
    assert {where for where, action in on_digests if not action.startswith("s3:Get")} == {"DigestRole"}
    assert {action for _, action in on_digests if not action.startswith("s3:Get")} == {"s3:PutObject"}


def test_the_audit_function_cannot_reach_the_ledger() -> None:
    assert [each for each in _granted() if each[0] == "AuditRole" and "LedgerTable" in str(each[2])] == []
