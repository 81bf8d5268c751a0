"""The emulator as AWS: identities, and the resources that AWS has besides the template."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import boto3
from botocore.exceptions import ClientError

from local.emulator import REGION, ROOT_KEY
from local.files import write_private

DEPLOYER: Final = "deployer"
ADMINISTRATOR: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


@dataclass(frozen=True)
class Credentials:
    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True)
class Aws:
    """Makes boto3 clients of the emulator with one identity."""

    url: str
    session: boto3.Session

    def environment(self) -> dict[str, str]:
        """The environment for a command line tool with the same identity."""
        credentials = self.session.get_credentials()
        if credentials is None:
            raise AssertionError("a session of ours always has credentials")
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


def forget_callers_aws() -> None:
    """Removes the caller's profiles, keys and endpoints from the environment: they must not redirect our calls."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.devnull
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


def as_deployer(url: str, state_dir: Path) -> Aws:
    """An administrator of the emulated account; created the first time and remembered in `state_dir`."""
    file = state_dir / "deployer.json"
    if file.is_file() and _is_known(aws := _aws(url, Credentials(**json.loads(file.read_text())))):
        return aws
    credentials = _new_deployer(as_root(url))
    write_private(file, json.dumps(asdict(credentials)))
    return _aws(url, credentials)


def as_root(url: str) -> Aws:
    """The account's root user: for changes that its own policies deny to an administrator."""
    return _aws(url, Credentials(ROOT_KEY, ROOT_KEY))


def _aws(url: str, credentials: Credentials) -> Aws:
    session = boto3.Session(
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        region_name=REGION,
    )
    return Aws(url, session)


def _is_known(aws: Aws) -> bool:
    """False if the emulator lost its state, and with it the user."""
    try:
        aws.session.client("sts", endpoint_url=aws.url).get_caller_identity()
    except ClientError:
        return False
    return True


def _new_deployer(root: Aws) -> Credentials:
    iam = root.session.client("iam", endpoint_url=root.url)
    # The user may exist although the file with its key was lost: make another key then.
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_user(UserName=DEPLOYER)
    iam.put_user_policy(UserName=DEPLOYER, PolicyName="administrator", PolicyDocument=json.dumps(ADMINISTRATOR))
    key = iam.create_access_key(UserName=DEPLOYER)["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])
