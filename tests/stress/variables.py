"""What a function finds in its environment, and the ways to the tables and the bucket."""

import os
from dataclasses import dataclass
from pathlib import Path

from local.paths import ROOT
from tests.stress.bucket import S3_CREDENTIALS, client_settings
from tests.stress.names import ACTIVITY_TABLE, AUDIT_TABLE, BOARDS_BUCKET, LEDGER_TABLE, USAGE_TABLE
from tests.stress.oracle import TENANT


@dataclass(frozen=True)
class Addresses:
    dynamodb: str
    s3: str


def variables_of(addresses: Addresses, directory: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "PYTHONPATH": str(ROOT),
        "AWS_CONFIG_FILE": str(client_settings(directory)),
        "AWS_DEFAULT_REGION": S3_CREDENTIALS["region_name"],
        "AWS_REGION": S3_CREDENTIALS["region_name"],
        "AWS_ACCESS_KEY_ID": S3_CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": S3_CREDENTIALS["aws_secret_access_key"],
        "AWS_ENDPOINT_URL_DYNAMODB": addresses.dynamodb,
        "AWS_ENDPOINT_URL_S3": addresses.s3,
        "LEDGER_TABLE": LEDGER_TABLE,
        "AUDIT_TABLE": AUDIT_TABLE,
        "ACTIVITY_TABLE": ACTIVITY_TABLE,
        "ACTIVITY_DAYS": "14",
        "AUDIT_GRACE_S": "60",
        "MAX_USAGE_AGE_DAYS": "35",
        "USAGE_TABLE": USAGE_TABLE,
        "BOARDS_BUCKET": BOARDS_BUCKET,
        "TENANT_SHARDS": "4",
        # Nobody asks for alerts.
        "FAILURE_QUEUE_URLS": "http://127.0.0.1/123456789012/failures",
        "EVENT_BUS": "millicent",
        "TENANT_CLAIM": "custom:tenant",
        "DEFAULT_TENANT": TENANT,
        "OPERATOR_CLAIM": "cognito:groups",
        "OPERATOR_VALUE": "millicent-operators",
        "CONSOLE_CLIENT": "console",
        "STAGE": "stress",
        "POWERTOOLS_SERVICE_NAME": "millicent",
        "POWERTOOLS_METRICS_NAMESPACE": "Millicent",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
