"""Deploys template.yaml, the same one as on AWS, into the emulator."""

import contextlib
import hashlib
import json
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from botocore.exceptions import ClientError, WaiterError

from local import sources
from local.aws import Aws, as_root
from local.build import built
from local.emulator import REGION, save
from local.files import write_private
from local.processes import ProcessFailedError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

STACK: Final = "millicent"
ARTIFACTS: Final = "millicent-artifacts"
PARAMETERS: Final = {
    "Stage": "laptop",
    "PythonRuntime": sources.runtime(),
    "BuiltRuntime": sources.runtime(),
    "Architecture": sources.architecture(),
    # The emulator has no login page.
    "ConsoleLogin": "token",
    # So that a page of one's own can be tried from wherever it is served. Without a token it reads nothing.
    "ConsoleOrigins": "*",
    # So that a usage file of years ago can be tried.
    "MaxUsageAgeDays": "3650",
    # The emulator starts a process for every concurrent execution: the number must fit a laptop.
    "CheckConcurrency": "8",
    "CostConcurrency": "8",
    "FundingConcurrency": "8",
    "AccountsConcurrency": "8",
    "HistoryConcurrency": "8",
    "TenantConcurrency": "4",
    "OutboxConcurrency": "2",
    "AuditConcurrency": "2",
    "UsageConcurrency": "2",
    # What was spent shows in the sums of the tenant as soon as in those of the account.
    "BoardsWindowSeconds": "1",
}
TAGS: Final = {"service": "millicent", "stage": PARAMETERS["Stage"]}
DIGEST_RETENTION_DAYS: Final = 365
ACCESS_FILE: Final = "aws.json"
COMPLETE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
PACKAGE_URI: Final = re.compile(r"\b(CodeUri|ContentUri): (\w+)$", re.MULTILINE)
APPLIED_WITHIN_S: Final = 300
POLL_INTERVAL_S: Final = 0.3
NOTHING_CHANGED: Final = "didn't contain changes"


@dataclass(frozen=True)
class Stack:
    """The deployed stack: physical ids by logical id, and its outputs."""

    ids: Mapping[str, str]
    types: Mapping[str, str]
    outputs: Mapping[str, str]

    def only(self, resource_type: str) -> str:
        """The physical id of the one resource of this type."""
        (found,) = self.all(resource_type)
        return found

    def all(self, resource_type: str) -> list[str]:
        """The physical ids of all resources of this type."""
        return [self.ids[name] for name, of_type in self.types.items() if of_type == resource_type]


def deployed(aws: Aws, state_dir: Path) -> Stack:
    """Builds and deploys what changed since the last time. Raises ProcessFailedError if that fails."""
    stamp = state_dir / "deployed.json"
    wanted = {"sources": sources.fingerprint(), "parameters": PARAMETERS}
    if not (_recorded(stamp) == wanted and _is_complete(aws)):
        _deploy(aws, built())
        make_up_for_gaps(aws, describe(aws))
        # Our record must not say of a stack that it is deployed, and a kill take that stack away.
        save(aws.url)
        write_private(stamp, json.dumps(wanted))
    write_access(aws, state_dir)
    return describe(aws)


def describe(aws: Aws) -> Stack:
    cloudformation = aws.session.client("cloudformation", endpoint_url=aws.url)
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    return Stack(
        ids={each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for each in resources},
        types={each["LogicalResourceId"]: each["ResourceType"] for each in resources},
        outputs={each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])},
    )


def make_up_for_gaps(aws: Aws, stack: Stack) -> None:
    """Applies settings of the template that the emulator does not apply, or cannot keep: backups of the tables, and the
    policies of the buckets and the lock of that of digests. It has no TLS.
    """
    _turn_backups_on(aws, stack)
    bucket = stack.outputs["DigestBucketName"]
    # The policy denies all access without TLS, including its own removal; as on AWS, the account's root user can still
    # remove it.
    root = as_root(aws.url)
    for each in (bucket, stack.outputs["BoardsBucketName"]):
        root.session.client("s3", endpoint_url=root.url).delete_bucket_policy(Bucket=each)
    s3 = aws.session.client("s3", endpoint_url=aws.url)
    s3.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": DIGEST_RETENTION_DAYS}},
        },
    )


def _turn_backups_on(aws: Aws, stack: Stack) -> None:
    dynamodb = aws.session.client("dynamodb", endpoint_url=aws.url)
    for output in ("LedgerTableName", "AuditTableName", "UsageTableName"):
        dynamodb.update_continuous_backups(
            TableName=stack.outputs[output],
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )


def write_access(aws: Aws, state_dir: Path) -> None:
    """Writes the location and identity for commands that operate the stack, such as `millicent verify`."""
    environment = aws.environment()
    content = {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "region": environment["AWS_REGION"],
        "stack": STACK,
        "access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
    }
    write_private(state_dir / ACCESS_FILE, json.dumps(content, indent=2) + "\n")


def _recorded(stamp: Path) -> object:
    return json.loads(stamp.read_text()) if stamp.is_file() else None


def _is_complete(aws: Aws) -> bool:
    """False also if the emulator lost its state, even if the local record says otherwise."""
    return _status(aws.session.client("cloudformation", endpoint_url=aws.url)) in COMPLETE


def _status(cloudformation: "CloudFormationClient") -> str | None:
    try:
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    except ClientError:
        return None
    return stack["StackStatus"]


def _deploy(aws: Aws, build: Path) -> None:
    """What `sam deploy` does: uploads the packages, and has the template applied as a change set."""
    print("deploying the template", file=sys.stderr, flush=True)
    s3 = aws.session.client("s3", endpoint_url=aws.url)
    _ensure_bucket(s3)
    written = (build / "template.yaml").read_text()
    template = PACKAGE_URI.sub(lambda found: f"{found[1]}: {_uploaded(s3, build, found[2])}", written)
    _apply(aws, _put(s3, "template.yaml", template.encode()))


def _uploaded(s3: "S3Client", build: Path, name: str) -> str:
    package = (build / f"{name}.zip").read_bytes()
    return f"s3://{ARTIFACTS}/{_put(s3, f'{name}.zip', package)}"


def _put(s3: "S3Client", name: str, content: bytes) -> str:
    """Returns the key, which changes with the content: without a change nothing is deployed anew."""
    key = f"{hashlib.sha256(content).hexdigest()}/{name}"
    s3.put_object(Bucket=ARTIFACTS, Key=key, Body=content)
    return key


def _apply(aws: Aws, template_key: str) -> None:
    """Raises ProcessFailedError, with what the stack says of the resources that failed."""
    cloudformation = aws.session.client("cloudformation", endpoint_url=aws.url)
    kind: Literal["CREATE", "UPDATE"] = "UPDATE" if _exists(cloudformation) else "CREATE"
    change_set = cloudformation.create_change_set(
        StackName=STACK,
        ChangeSetName=f"deploy-{time.time_ns()}",
        ChangeSetType=kind,
        TemplateURL=f"{aws.url}/{ARTIFACTS}/{template_key}",
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()],
        Tags=[{"Key": name, "Value": value} for name, value in TAGS.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )["Id"]
    try:
        cloudformation.get_waiter("change_set_create_complete").wait(
            ChangeSetName=change_set, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        cloudformation.execute_change_set(ChangeSetName=change_set)
        _wait_until_applied(cloudformation)
    except WaiterError as failure:
        reason = str(failure.last_response.get("StatusReason", failure))
        if NOTHING_CHANGED not in reason:
            raise ProcessFailedError(f"the template did not deploy: {reason}") from failure
        cloudformation.delete_change_set(ChangeSetName=change_set)


def _wait_until_applied(cloudformation: "CloudFormationClient") -> None:
    deadline = time.monotonic() + APPLIED_WITHIN_S
    while (status := _status(cloudformation)) is not None and status.endswith("_IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise ProcessFailedError(f"the laptop cloud has not applied the template after {APPLIED_WITHIN_S} s")
        time.sleep(POLL_INTERVAL_S)
    if status not in COMPLETE:
        raise ProcessFailedError("\n".join([f"the template did not deploy: {status}", *_failures(cloudformation)]))


def _failures(cloudformation: "CloudFormationClient") -> list[str]:
    """By resource, the first first."""
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    return [
        f"{each.get('LogicalResourceId')}: {each.get('ResourceStatusReason')}"
        for each in reversed(events)
        if each.get("ResourceStatus", "").endswith("_FAILED")
    ]


def _exists(cloudformation: "CloudFormationClient") -> bool:
    """Not if there is only a change set that was never applied."""
    return _status(cloudformation) not in {None, "REVIEW_IN_PROGRESS"}


def _ensure_bucket(s3: "S3Client") -> None:
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": REGION})
