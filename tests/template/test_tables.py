from typing import Any, Final

import pytest

from tests.template.loading import of_type, properties, resource

TABLES: Final = ("LedgerTable", "AuditTable", "UsageTable")
OVERWRITES: Final = {
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
}


def _keys(schema: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(key["AttributeName"], key["KeyType"]) for key in schema]


def test_there_are_three_tables() -> None:
    assert set(of_type("AWS::DynamoDB::Table")) == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_outlives_its_stack_and_cannot_be_deleted(table: str) -> None:
    assert resource(table)["DeletionPolicy"] == "Retain"
    assert resource(table)["UpdateReplacePolicy"] == "Retain"
    assert properties(table)["DeletionProtectionEnabled"] is True


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_encrypted_can_be_restored_to_any_second_and_scales_by_itself(table: str) -> None:
    assert properties(table)["SSESpecification"] == {"SSEEnabled": True}
    assert properties(table)["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties(table)["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_keyed_by_account_and_item(table: str) -> None:
    assert _keys(properties(table)["KeySchema"]) == [("pk", "HASH"), ("sk", "RANGE")]


def test_the_ledger_streams_what_was_written() -> None:
    assert properties("LedgerTable")["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}


def test_entries_are_indexed_whole_by_their_sequence_and_open_holds_by_their_end() -> None:
    indexes = properties("LedgerTable")["GlobalSecondaryIndexes"]
    assert {index["IndexName"]: _keys(index["KeySchema"]) for index in indexes} == {
        "entries-by-seq": [("pk", "HASH"), ("entry_seq", "RANGE")],
        "open-holds": [("pk", "HASH"), ("open_until", "RANGE")],
    }
    assert [index["Projection"] for index in indexes] == [{"ProjectionType": "ALL"}] * 2


def test_the_audit_table_itself_refuses_that_anyone_changes_or_removes_a_row() -> None:
    policy: dict[str, Any] = properties("AuditTable")["ResourcePolicy"]["PolicyDocument"]
    (statement,) = policy["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert set(statement["Action"]) == OVERWRITES
    name = properties("AuditTable")["TableName"]["Fn::Sub"]
    assert statement["Resource"]["Fn::Sub"].endswith(f":table/{name}")
