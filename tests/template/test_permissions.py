from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

import pytest

from local.closure import closure
from tests.template.loading import FUNCTIONS, ROOT, actions, listed, of_type, properties, statements

LOG: Final = {"logs:CreateLogStream", "logs:PutLogEvents"}
MUTATE: Final = {"dynamodb:GetItem", "dynamodb:PutItem"}
FIND_HOLDS: Final = {"dynamodb:Query"}
CONSUME: Final = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
READ_RATES: Final = {"dynamodb:Query"}
MAY: Final = {
    "Check": {"dynamodb:GetItem", "events:PutEvents"} | FIND_HOLDS,
    "Cost": MUTATE | FIND_HOLDS | READ_RATES,
    "Funding": MUTATE | FIND_HOLDS,
    "Holds": MUTATE | FIND_HOLDS | READ_RATES,
    "Rates": MUTATE | READ_RATES,
    "Policies": MUTATE | FIND_HOLDS,
    "Docs": set(),
    "Ingest": MUTATE | FIND_HOLDS | READ_RATES | CONSUME | {"sqs:SendMessage"},
    "Accounts": {"dynamodb:GetItem"} | FIND_HOLDS,
    "History": {"dynamodb:GetItem", "dynamodb:Query"},
    "Usage": {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"} | CONSUME,
    "Outbox": {
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        "events:PutEvents",
        "sqs:SendMessage",
    },
    "Audit": {"dynamodb:GetItem", "dynamodb:PutItem"} | CONSUME,
    "Reconcile": {
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:PutItem",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "lambda:InvokeFunction",
        "sqs:SendMessage",
    },
    "Digest": {
        "dynamodb:Scan",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "kms:Sign",
        "kms:Verify",
        "kms:GetPublicKey",
        "events:PutEvents",
        "sqs:SendMessage",
    },
    "Due": MUTATE | FIND_HOLDS | {"dynamodb:Scan", "lambda:InvokeFunction", "sqs:SendMessage"},
    "Proof": {"dynamodb:Query", "s3:ListBucket", "s3:ListBucketVersions", "s3:GetObject", "s3:GetObjectVersion"},
}
LEDGER: Final = {"Fn::GetAtt": ["LedgerTable", "Arn"]}
AUDIT: Final = {"Fn::GetAtt": ["AuditTable", "Arn"]}
AUDIT_SPELLED: Final = properties("AuditTable")["ResourcePolicy"]["PolicyDocument"]["Statement"][0]["Resource"]
"""The same table, in the roles that the table's own policy names: a template must not go round in circles."""
USAGE: Final = {"Fn::GetAtt": ["UsageTable", "Arn"]}
FINDS_HOLDS: Final = ("dynamodb:Query", {"Fn::Sub": "${LedgerTable.Arn}/index/open-holds"})
RATES_ALONE: Final = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["TENANT#*#RATES"]}}
DIGESTS: Final = {"Fn::Sub": "${DigestBucket.Arn}/*"}
FOUND_BY_INDEX: Final = {"Fn::Sub": "${LedgerTable.Arn}/index/open-holds"}
WITHOUT_DUE: Final = {"History", "Rates"}
"""Of the functions that reach the ledger: one lists what is recorded alone, the other has no account to do with."""
AUDIT_OVERWRITES: Final = {"UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLUpdate", "PartiQLDelete"}


def _statements() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in of_type("AWS::IAM::Role"):
        yield from ((name, statement) for statement in statements(name))
    for name, policy in of_type("AWS::IAM::ManagedPolicy").items():
        yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])


def _granted() -> Iterator[tuple[str, Any, Any]]:
    """Where, action and resource of everything that any role is allowed."""
    for name, statement in _statements():
        yield from ((name, *each) for each in product(listed(statement["Action"]), listed(statement["Resource"])))


def test_every_function_has_a_role_of_its_own() -> None:
    roles = [properties(f"{name}Function")["Role"] for name in FUNCTIONS]
    assert roles == [{"Fn::GetAtt": [f"{name}Role", "Arn"]} for name in FUNCTIONS]
    assert set(of_type("AWS::IAM::Role")) == {f"{name}Role" for name in FUNCTIONS}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_may_do_what_it_does_and_nothing_else(name: str) -> None:
    assert actions(f"{name}Role") == MAY[name] | LOG


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_is_for_lambda_alone_and_brings_no_foreign_policy(name: str) -> None:
    role = properties(f"{name}Role")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert role["ManagedPolicyArns"] == [{"Ref": "TracingPolicy"}]


def test_no_action_has_a_wildcard() -> None:
    assert [each for each in _granted() if "*" in each[1]] == []


def test_traces_alone_go_to_a_resource_without_a_name() -> None:
    unnamed = {(where, action) for where, action, target in _granted() if "*" in str(target) and target != DIGESTS}
    assert unnamed == {
        ("TracingPolicy", "xray:PutTraceSegments"),
        ("TracingPolicy", "xray:PutTelemetryRecords"),
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_logs_into_its_own_group(name: str) -> None:
    (log,) = [each for each in statements(f"{name}Role") if set(each["Action"]) == LOG]
    assert log["Resource"] == {"Fn::GetAtt": [f"{name}Logs", "Arn"]}


def test_no_role_may_update_or_delete_a_row_of_the_audit_table() -> None:
    on_audit = {(where, action) for where, action, target in _granted() if target in (AUDIT, AUDIT_SPELLED)}
    assert {action.removeprefix("dynamodb:") for _, action in on_audit} & AUDIT_OVERWRITES == set()
    assert {where for where, action in on_audit if action == "dynamodb:PutItem"} == {"AuditRole", "ReconcileRole"}


def test_the_sums_of_usage_are_written_by_the_function_that_adds_them_up_alone() -> None:
    on_usage = {(where, action) for where, action, target in _granted() if target == USAGE}
    assert on_usage == {
        ("UsageRole", "dynamodb:GetItem"),
        ("UsageRole", "dynamodb:UpdateItem"),
        ("HistoryRole", "dynamodb:GetItem"),
        ("HistoryRole", "dynamodb:Query"),
        ("ReconcileRole", "dynamodb:Query"),
        ("ReconcileRole", "dynamodb:Scan"),
    }


def test_no_role_may_delete_a_row_of_the_ledger() -> None:
    on_ledger = {action for _, action, target in _granted() if target == LEDGER}
    assert on_ledger == {*MUTATE, "dynamodb:Query", "dynamodb:Scan"}


def test_only_mutations_write_to_the_ledger() -> None:
    writes = {"dynamodb:PutItem", "dynamodb:UpdateItem"}
    assert {where for where, action, target in _granted() if target == LEDGER and action in writes} == {
        "CostRole",
        "FundingRole",
        "HoldsRole",
        "PoliciesRole",
        "IngestRole",
        "RatesRole",
        "DueRole",
    }


def _reaches(name: str) -> set[str]:
    """The modules that a function's code uses."""
    files = closure(f"functions.{name.lower()}.handler", ROOT)
    return {".".join(file.with_suffix("").parts) for file in files}


def test_every_function_that_records_or_looks_at_an_account_as_it_is_now_may_find_open_holds() -> None:
    # What is due is done by whoever comes next, so whoever comes must be allowed to find it. Read from the code: a list
    # by hand would be wrong where the role is.
    finders = {name for name in FUNCTIONS if "shared.adapters.dynamodb_ledger" in _reaches(name)}
    assert {"Check", "Cost", "Funding", "Holds", "Ingest", "Policies", "Accounts"} <= finders
    for name in finders - WITHOUT_DUE:
        assert FOUND_BY_INDEX in [each["Resource"] for each in statements(f"{name}Role")], name


@pytest.mark.parametrize("name", ["Check", "Cost", "Funding", "Holds", "Policies", "Ingest", "Accounts", "Due"])
def test_of_the_accounts_in_the_ledger_those_that_do_or_show_what_is_due_may_list_open_holds_alone(name: str) -> None:
    listings = [each for each in statements(f"{name}Role") if "dynamodb:Query" in listed(each["Action"])]
    of_accounts = [each["Resource"] for each in listings if each.get("Condition") != RATES_ALONE]
    assert of_accounts == [FOUND_BY_INDEX]


def test_whoever_writes_to_an_account_or_shows_one_may_look_for_what_is_due_of_it() -> None:
    writers = {where for where, action, target in _granted() if (action, target) == ("dynamodb:PutItem", LEDGER)}
    finders = {where for where, action, target in _granted() if (action, target) == FINDS_HOLDS}
    assert finders == (writers - {"RatesRole"}) | {"CheckRole", "AccountsRole"}


def test_what_is_scanned_for_is_open_holds_alone() -> None:
    (found,) = [target for where, action, target in _granted() if (where, action) == ("DueRole", "dynamodb:Scan")]
    assert found == FINDS_HOLDS[1]


def test_the_rates_function_writes_rate_cards_alone_and_of_accounts_reads_items_that_it_names() -> None:
    on_ledger = [each for each in statements("RatesRole") if each["Resource"] == LEDGER]
    reached = {tuple(listed(each["Action"])): each["Condition"] for each in on_ledger}
    assert reached == {
        ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"): RATES_ALONE,
        ("dynamodb:GetItem",): {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["TENANT#*#ACTOR#*"]}},
    }


def test_the_reconciler_only_reads_the_ledger() -> None:
    on_ledger = {action for where, action, target in _granted() if where == "ReconcileRole" and target == LEDGER}
    assert on_ledger == {"dynamodb:Query", "dynamodb:Scan"}


def test_a_digest_is_put_by_its_function_alone_and_removed_by_none() -> None:
    on_digests = {(where, action) for where, action, target in _granted() if target == DIGESTS}
    assert on_digests == {
        ("DigestRole", "s3:GetObject"),
        ("DigestRole", "s3:GetObjectVersion"),
        ("DigestRole", "s3:PutObject"),
        ("ProofRole", "s3:GetObject"),
        ("ProofRole", "s3:GetObjectVersion"),
        ("ReconcileRole", "s3:GetObject"),
        ("ReconcileRole", "s3:GetObjectVersion"),
    }


def test_the_audit_function_cannot_reach_the_ledger() -> None:
    assert [each for each in _granted() if each[0] == "AuditRole" and "LedgerTable" in str(each[2])] == []
