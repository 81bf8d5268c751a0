import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from local.closure import closure
from tests.template.loading import ROOT, of_type, properties, resource

TABLES: Final = ("LedgerTable", "AuditTable", "UsageTable")
FORGETTING: Final = "ActivityTable"
OVERWRITES: Final = {
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
    "dynamodb:PartiQLInsert",
}

PUTTING: Final = ("Audit", "Reconcile")
WRITING: Final = {
    "save",
    "put_item",
    "update",
    "update_item",
    "delete_item",
    "batch_write",
    "batch_write_item",
    "transact_write",
    "transact_write_items",
    "execute_statement",
}
"""By which PynamoDB and boto3 write to a table."""


def _keys(schema: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(key["AttributeName"], key["KeyType"]) for key in schema]


def test_there_are_three_tables_of_record_and_one_that_forgets() -> None:
    assert set(of_type("AWS::DynamoDB::Table")) == {*TABLES, FORGETTING}


def test_the_feed_forgets_by_itself_and_goes_with_its_stack() -> None:
    assert properties(FORGETTING)["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert resource(FORGETTING)["DeletionPolicy"] == "Delete"
    assert resource(FORGETTING)["UpdateReplacePolicy"] == "Delete"


def test_the_feed_is_encrypted_keyed_and_scaled_as_the_others_are() -> None:
    for name in ("SSESpecification", "KeySchema", "BillingMode"):
        assert properties(FORGETTING)[name] == properties("UsageTable")[name]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_outlives_its_stack_and_cannot_be_deleted(table: str) -> None:
    assert resource(table)["DeletionPolicy"] == "Retain"
    assert resource(table)["UpdateReplacePolicy"] == "Retain"
    assert properties(table)["DeletionProtectionEnabled"] is True


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_encrypted_can_be_restored_to_any_second_and_scales_by_itself(table: str) -> None:
    assert properties(table)["SSESpecification"]["SSEEnabled"] is True
    assert properties(table)["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties(table)["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_keyed_by_account_and_item(table: str) -> None:
    assert _keys(properties(table)["KeySchema"]) == [("pk", "HASH"), ("sk", "RANGE")]


def test_the_ledger_streams_what_was_written() -> None:
    assert properties("LedgerTable")["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}


def test_entries_are_indexed_whole_by_their_sequence_open_holds_by_their_end_and_accounts_by_name_alone() -> None:
    indexes = properties("LedgerTable")["GlobalSecondaryIndexes"]
    assert {index["IndexName"]: _keys(index["KeySchema"]) for index in indexes} == {
        "entries-by-seq": [("pk", "HASH"), ("entry_seq", "RANGE")],
        "open-holds": [("pk", "HASH"), ("open_until", "RANGE")],
        "accounts": [("listed_in", "HASH"), ("pk", "RANGE")],
    }
    whole, keys = {"ProjectionType": "ALL"}, {"ProjectionType": "KEYS_ONLY"}
    assert [index["Projection"] for index in indexes] == [whole, whole, keys]


def _denied() -> list[dict[str, Any]]:
    """What the audit table's own policy says."""
    statements: list[dict[str, Any]] = properties("AuditTable")["ResourcePolicy"]["PolicyDocument"]["Statement"]
    return statements


def test_all_that_the_audit_tables_own_policy_says_is_whom_it_refuses() -> None:
    name = properties("AuditTable")["TableName"]["Fn::Sub"]
    for statement in _denied():
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert statement["Resource"]["Fn::Sub"].endswith(f":table/{name}")


def test_the_audit_table_itself_refuses_that_anyone_changes_or_removes_a_row() -> None:
    (statement,) = [each for each in _denied() if "Condition" not in each]
    assert set(statement["Action"]) == OVERWRITES


def test_the_audit_table_itself_lets_two_functions_alone_put_a_row() -> None:
    # A put replaces what is there: whoever may put may change.
    (statement,) = [each for each in _denied() if "Condition" in each]
    assert statement["Action"] == "dynamodb:PutItem"
    roles = [{"Fn::GetAtt": [f"{name}Role", "Arn"]} for name in PUTTING]
    assert statement["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": roles}}


@pytest.mark.parametrize("name", PUTTING)
def test_those_two_put_a_row_under_a_condition_alone(name: str) -> None:
    """Which no policy can ask for, so their code is read: all that it reaches and that reaches the table."""
    reached = [ROOT / file for file in closure(f"functions.{name.lower()}.handler", ROOT)]
    using = [file for file in reached if file.stem != "tables" and "audit_table(" in file.read_text()]
    (putting,) = [file for file in reached if "def put_once(" in file.read_text()]
    assert any("put_once(" in file.read_text() for file in using)
    calls = [call for file in (*using, putting) for call in _writes(file)]
    assert any(putting.name in where for where, _ in calls)
    assert [where for where, call in calls if not _is_under_a_condition(call)] == []


def test_a_put_without_a_condition_would_be_seen() -> None:
    calls = [
        node for node in ast.walk(ast.parse("item.save()\nclient.put_item(Item={})")) if isinstance(node, ast.Call)
    ]
    assert [_is_under_a_condition(call) for call in calls] == [False, False]


def _writes(file: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a module that can write to a table, and where it is."""
    if file.suffix != ".py":
        return
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITING:
            yield f"{file.name}:{node.lineno}", node


def _is_under_a_condition(call: ast.Call) -> bool:
    return any(given.arg in {"condition", "ConditionExpression"} for given in call.keywords)
