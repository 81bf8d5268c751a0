"""Deploys template.yaml, the same one as on AWS, into the emulator."""

import contextlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from botocore.exceptions import ClientError

from local import sources
from local.aws import Aws, as_root
from local.build import built, sam
from local.emulator import REGION, save
from local.files import write_private
from local.processes import ProcessFailedError

STACK: Final = "millicent"
ARTIFACTS: Final = "millicent-artifacts"
PARAMETERS: Final = {
    "Stage": "laptop",
    "PythonRuntime": sources.runtime(),
    "BuiltRuntime": sources.runtime(),
    "Architecture": sources.architecture(),
    # So that a usage file of years ago can be tried.
    "MaxUsageAgeDays": "3650",
    # The emulator starts a process for every concurrent execution: the number must fit a laptop.
    "CheckConcurrency": "8",
    "CostConcurrency": "8",
    "FundingConcurrency": "8",
    "AccountsConcurrency": "8",
    "HistoryConcurrency": "8",
    "OutboxConcurrency": "2",
    "AuditConcurrency": "2",
    "UsageConcurrency": "2",
}
TAGS: Final = {"service": "millicent", "stage": PARAMETERS["Stage"]}
DIGEST_RETENTION_DAYS: Final = 365
ACCESS_FILE: Final = "aws.json"
COMPLETE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})


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
    policy and lock of the digest bucket. It has no TLS.
    """
    _turn_backups_on(aws, stack)
    bucket = stack.outputs["DigestBucketName"]
    # The policy denies all access without TLS, including its own removal; as on AWS, the account's root user can still
    # remove it.
    root = as_root(aws.url)
    root.session.client("s3", endpoint_url=root.url).delete_bucket_policy(Bucket=bucket)
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
    cloudformation = aws.session.client("cloudformation", endpoint_url=aws.url)
    try:
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    except ClientError:
        return False
    return stack["StackStatus"] in COMPLETE


def _deploy(aws: Aws, build: Path) -> None:
    print("deploying the template", file=sys.stderr, flush=True)
    _ensure_bucket(aws)
    overrides = [f"{name}={value}" for name, value in PARAMETERS.items()]
    sam(
        "deploy",
        "--language-extensions",
        *("--template-file", str(build / "template.yaml")),
        *("--stack-name", STACK),
        *("--s3-bucket", ARTIFACTS),
        *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"),
        *("--tags", *(f"{name}={value}" for name, value in TAGS.items())),
        *("--parameter-overrides", *overrides),
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        "--no-progressbar",
        environment=aws.environment(),
    )
    if not _is_complete(aws):
        raise ProcessFailedError("the template did not deploy into the laptop cloud")


def _ensure_bucket(aws: Aws) -> None:
    s3 = aws.session.client("s3", endpoint_url=aws.url)
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": REGION})
