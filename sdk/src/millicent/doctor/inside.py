"""What an operator sees: the stack, its alarms, backups and failure queues. AWS is only read."""

from collections.abc import Iterator
from typing import Any, Final

from millicent import failures
from millicent.aws import AwsFailed, Stack
from millicent.doctor.findings import Finding, failed, ok, skipped

_COMPLETE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_FEW_EXECUTIONS: Final = 100
"""The queues alone may use thirty at once; below this a burst of one caller leaves none for the others."""
_NAMED: Final = 3
_TABLES: Final = ("LedgerTableName", "AuditTableName", "UsageTableName")


def caller(stack: Stack) -> Finding:
    """As whom AWS is asked."""
    arn = stack.call("sts", "get_caller_identity")["Arn"]
    return ok("caller", arn)


def deployment(stack: Stack) -> Finding:
    (described,) = stack.call("cloudformation", "describe_stacks", StackName=stack.name)["Stacks"]
    status = described["StackStatus"]
    if status in _COMPLETE:
        return ok("deployment", status)
    return failed("deployment", status, "read the stack's events, mend the cause, and deploy again")


def alarms(stack: Stack) -> Finding:
    """Those of the stack, by the prefix that the template gives to all."""
    states = {each["AlarmName"].removeprefix(f"{stack.name}-"): each["StateValue"] for each in _alarms(stack)}
    if not states:
        return failed("alarms", f"no alarm is called {stack.name}-…", "deploy again: the stack has lost its alarms")
    ringing = sorted(name for name, state in states.items() if state == "ALARM")
    if ringing:
        return failed("alarms", f"in alarm: {', '.join(ringing)}", "docs/operations.md has a section for each alarm")
    silent = sorted(name for name, state in states.items() if state != "OK")
    waiting = f"; {len(silent)} without data so far: {_some(silent)}" if silent else ""
    return ok("alarms", f"{len(states) - len(silent)} of {len(states)} are OK{waiting}")


def _some(names: list[str]) -> str:
    """A new stack has many that have seen nothing yet."""
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _alarms(stack: Stack) -> Iterator[dict[str, Any]]:
    following: dict[str, str] = {}
    while True:
        page = stack.call("cloudwatch", "describe_alarms", AlarmNamePrefix=f"{stack.name}-", **following)
        yield from page["MetricAlarms"]
        if not page.get("NextToken"):
            return
        following = {"NextToken": page["NextToken"]}


def subscribers(stack: Stack) -> Finding:
    """Whether anybody hears of an alarm."""
    topic = stack.output("AlarmTopicArn")
    arns = [
        each["SubscriptionArn"]
        for each in stack.call("sns", "list_subscriptions_by_topic", TopicArn=topic)["Subscriptions"]
    ]
    pending = sum(not arn.startswith("arn:") for arn in arns)
    if pending:
        return failed(
            "subscribers", f"{pending} of {len(arns)} are not confirmed", "open the link in AWS's mail to each"
        )
    if not arns:
        return skipped("subscribers", "nobody hears of an alarm", "set AlarmEmail, or subscribe to the alarm topic")
    return ok("subscribers", f"{len(arns)} to the alarm topic")


def backups(stack: Stack) -> Finding:
    """Recovery to a point in time, and the guard against deletion, of each table."""
    faults = [fault for output in _TABLES for fault in _faults(stack, stack.output(output))]
    if faults:
        return failed("backups", "; ".join(faults), "deploy again with the template's settings, which turn them on")
    return ok("backups", f"{len(_TABLES)} tables can be recovered to any second, and are guarded against deletion")


def _faults(stack: Stack, table: str) -> Iterator[str]:
    described = stack.call("dynamodb", "describe_continuous_backups", TableName=table)["ContinuousBackupsDescription"]
    recovery = described.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus", "DISABLED")
    if recovery != "ENABLED":
        yield f"{table} has no point-in-time recovery"
    if not stack.call("dynamodb", "describe_table", TableName=table)["Table"].get("DeletionProtectionEnabled"):
        yield f"{table} can be deleted"


def failure_queues(stack: Stack) -> Finding:
    counted = [failures.waiting(stack, queue) for queue in failures.queues(stack)]
    full = [f"{each.queue.name} has {each.waiting + each.in_hand}" for each in counted if each.waiting or each.in_hand]
    if full:
        advice = "look with `millicent dlq show QUEUE`, mend the cause, then `millicent dlq redrive QUEUE`"
        return failed("failure-queues", ", ".join(full), advice)
    return ok("failure-queues", f"{len(counted)} are empty")


def concurrency(stack: Stack) -> Finding:
    """What the account leaves for functions without a reservation of their own."""
    try:
        limit = stack.call("lambda", "get_account_settings")["AccountLimit"]
    except AwsFailed as refused:
        return skipped("concurrency", str(refused), "allow lambda:GetAccountSettings to see what the account allows")
    detail = f"{limit['UnreservedConcurrentExecutions']} of {limit['ConcurrentExecutions']} executions are unreserved"
    if limit["ConcurrentExecutions"] < _FEW_EXECUTIONS:
        return failed("concurrency", detail, 'ask for more "Concurrent executions" of Lambda in Service Quotas')
    return ok("concurrency", detail)
