"""What the handlers run against in a benchmark: DynamoDB Local, and a bus that takes every event and keeps none.

Both are other processes, so that their work does not count as ours.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from local.dynamodb_local import CREDENTIALS, running
from local.processes import free_port, stop

ROOT: Final = Path(__file__).resolve().parents[1]
REGION: Final = CREDENTIALS["region_name"]
LEDGER: Final = "ledger"
_BUS: Final = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Bus(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Bus).serve_forever()
"""


@dataclass(frozen=True)
class Stage:
    dynamodb_url: str
    events_url: str

    @property
    def environment(self) -> dict[str, str]:
        """Of every function, as the template would set it."""
        return {
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb_url,
            "AWS_ENDPOINT_URL_EVENTBRIDGE": self.events_url,
            "LEDGER_TABLE": LEDGER,
            "AUDIT_TABLE": "audit",
            "USAGE_TABLE": "usage",
            "ACTIVITY_TABLE": "activity",
            "ACTIVITY_DAYS": "14",
            "EVENT_BUS": "millicent",
            "FAILURE_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/failures",
            "CHECK_EVENTS": "none",
            "LEDGER_DEADLINE_MS": "5000",
            "MAX_USAGE_AGE_DAYS": "35",
            "TENANT_CLAIM": "custom:tenant",
            "DEFAULT_TENANT": "main",
            "OPERATOR_CLAIM": "cognito:groups",
            "OPERATOR_VALUE": "millicent-operators",
            "CONSOLE_CLIENT": "console",
            "INGEST_TENANT": "main",
            "STAGE": "bench",
            "POWERTOOLS_SERVICE_NAME": "millicent",
            "POWERTOOLS_METRICS_NAMESPACE": "Millicent",
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "NAIVE_TABLE": "naive",
            "NAIVE_KEYS_TABLE": "naive-keys",
        }


@contextmanager
def stage(data_dir: Path | None = None) -> Iterator[Stage]:
    """In memory, or in `data_dir`, where the tables of an earlier stage are found again."""
    is_new = data_dir is None or not any(data_dir.iterdir())
    with running(data_dir) as database:
        port = free_port()
        bus = subprocess.Popen([sys.executable, "-c", _BUS, str(port)])
        try:
            made = Stage(database.url, f"http://127.0.0.1:{port}")
            with patch.dict(os.environ, made.environment):
                if is_new:
                    # By another process: functions start without botocore, and a wire that has no hooks to ask then.
                    make = "import sys; from bench.stage import create_tables; create_tables(sys.argv[1])"
                    subprocess.run([sys.executable, "-c", make, made.dynamodb_url], cwd=ROOT, check=True)
                yield made
        finally:
            stop(bus)


def create_tables(url: str) -> None:
    """The tables as the template declares them, and those of the naive twin and of the bare calls."""
    import boto3  # noqa: PLC0415 - its clients read the environment that is set above

    from shared.adapters.items import ledger_table  # noqa: PLC0415 - as above

    dynamodb: Any = boto3.client("dynamodb", endpoint_url=url, region_name=REGION)
    ledger_table(LEDGER, region=REGION, host=url).whole.create_table(billing_mode="PAY_PER_REQUEST")
    others = ("bare", "audit", "usage", "activity")
    for name, keys in (*((name, ("pk", "sk")) for name in others), ("naive", ("pk",)), ("naive-keys", ("id",))):
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
        )
