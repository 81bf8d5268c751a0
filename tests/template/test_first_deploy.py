"""What docs/aws-first-deploy.md says of the template is so."""

from tests.template.loading import of_type, template

RETAINED = {
    "LedgerTable",
    "AuditTable",
    "UsageTable",
    "UserPool",
    "IngestQueue",
    "IngestFailureQueue",
    "DigestBucket",
    "SigningKey",
    "BoardsBucket",
}


def test_every_alarm_takes_missing_data_for_no_fault() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")
    assert alarms
    assert {alarm["TreatMissingData"] for alarm in alarms.values()} == {"notBreaching"}


def test_what_outlives_the_stack_is_what_the_page_lists() -> None:
    kept = {name for name, each in template()["Resources"].items() if each.get("DeletionPolicy") == "Retain"}
    assert kept == RETAINED


def test_no_executions_are_reserved_unless_somebody_asks() -> None:
    parameters = template()["Parameters"]
    reserving = {
        str(condition[0]).removeprefix("With")
        for function in of_type("AWS::Serverless::Function").values()
        if (condition := function.get("ReservedConcurrentExecutions", {}).get("Fn::If"))
    }
    assert "CostConcurrency" in reserving
    assert {parameters[name]["Default"] for name in reserving} == {0}
