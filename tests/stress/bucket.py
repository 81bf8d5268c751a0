"""The bucket of boards, of the laptop cloud's S3, and how clients find it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import boto3

from local import emulator
from local.dynamodb_local import CREDENTIALS
from local.processes import free_port
from tests.stress.names import BOARDS_BUCKET

S3_CREDENTIALS: Final = {**CREDENTIALS, "aws_access_key_id": emulator.ROOT_KEY}
"""DynamoDB Local takes these too."""


@contextmanager
def bucket(directory: Path) -> Iterator[str]:
    """The address of an S3 that has the bucket, until the block ends."""
    with emulator.running(directory / "cloud", free_port()) as cloud:
        options: Any = {"endpoint_url": cloud.url, **S3_CREDENTIALS}
        boto3.client("s3", **options).create_bucket(Bucket=BOARDS_BUCKET)
        yield cloud.url


def client_settings(directory: Path) -> Path:
    """The file of settings with which a client of S3 finds a bucket behind any address."""
    file = directory / "aws.ini"
    file.write_text("[default]\ns3 =\n    addressing_style = path\n")
    return file
