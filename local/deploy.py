"""Deploys template.yaml into the emulator, the same one that goes to AWS."""

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
from local.emulator import REGION
from local.files import write_private
from local.processes import ProcessFailedError

STACK: Final = "millicent"
ARTIFACTS: Final = "millicent-artifacts"
PARAMETERS: Final = {
    "Stage": "laptop",
    "PythonRuntime": sources.runtime(),
    "BuiltRuntime": sources.runtime(),
    "Architecture": sources.architecture(),
    # The emulator starts a process for every execution at once: as many as a laptop can feed.
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
    """What the deployed stack consists of: physical ids by logical id, and its outputs."""

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
    """Builds and deploys what changed since the last time. Raises ProcessFailedError when that fails."""
    stamp = state_dir / "deployed.json"
    wanted = {"sources": sources.fingerprint(), "parameters": PARAMETERS}
    if not (_recorded(stamp) == wanted and _is_complete(aws)):
        _deploy(aws, built())
        make_up_for_gaps(aws, describe(aws))
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
    """What the template says of the bucket of digests and the emulator does not do, or cannot: it has no TLS."""
    bucket = stack.outputs["DigestBucketName"]
    # The policy lets nobody in without TLS, nor change it; as on AWS, the account's root user may still take it away.
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


def write_access(aws: Aws, state_dir: Path) -> None:
    """For the commands that operate the stack itself, such as `millicent verify`: where it is, and as whom."""
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
    """False also when the emulator lost its state, whatever our own record says."""
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
