"""Fault proxies in front of the database, each at an address of its own that stays while the proxy is replaced."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from local.processes import free_port, wait_until
from tests.faults.proxy import START_TIMEOUT_S, Proxy, proxy_url
from tests.faults.test_faults import (
    CANCEL_FOR_A_CONFLICT,
    CANCEL_FOR_A_THROTTLE,
    CONFLICT,
    CUT_THE_ANSWER_SHORT,
    GARBLE_THE_ANSWER,
    LOSE_THE_ANSWER,
    RESET,
    SERVER_ERROR,
    THROTTLE,
    Fault,
)
from tests.stress.names import LEDGER_TABLE, USAGE_TABLE

STALL: Final[Fault] = {"latency": 2300}
"""Longer than the client waits: it gives up, and the write comes late."""
SLOW: Final[Fault] = {"latency": {"min": 20, "max": 300}}

ANY_CALL: Final = {
    "answer lost": LOSE_THE_ANSWER,
    "answer cut short": CUT_THE_ANSWER_SHORT,
    "answer garbled": GARBLE_THE_ANSWER,
    "connection reset": RESET,
    "server error": SERVER_ERROR,
    "throttled": THROTTLE,
    "slow": SLOW,
}
TRANSACTIONS: Final = {
    "conflict": CONFLICT,
    "canceled for a conflict": CANCEL_FOR_A_CONFLICT,
    "canceled for a throttle": CANCEL_FOR_A_THROTTLE,
}
RARE: Final = {"stalled, then written": STALL}
IN_VAIN: Final[Fault] = {"response": {"set_headers": {"content-length": "none"}}}
"""The proxy cannot pass such an answer on, and says so with an error of its own: a text is kept, and nobody is told."""
CUT_THE_UPLOAD: Final[Fault] = {"request": {"cut_upload": {"after_bytes": 1}}}
S3_ERRORS: Final = {
    "connection reset": RESET,
    "server error": {"error": {"code": "InternalError", "status": 500}},
    "throttled": {"error": {"code": "SlowDown", "status": 503}},
    "slow": SLOW,
}
BUCKET_CALLS: Final = {
    "GetObject": {
        "answer lost": LOSE_THE_ANSWER,
        "answer cut short": CUT_THE_ANSWER_SHORT,
        "answer garbled": GARBLE_THE_ANSWER,
        **S3_ERRORS,
    },
    "PutObject": {"answer lost": IN_VAIN, "upload cut short": CUT_THE_UPLOAD, **S3_ERRORS},
    "DeleteObjects": {"answer lost": LOSE_THE_ANSWER, **S3_ERRORS},
}
SELDOM_CALLED: Final = {"answer lost": LOSE_THE_ANSWER, "throttled": THROTTLE}
LEDGER_CALLS: Final = {"GetItem": ANY_CALL, "TransactWriteItems": {**ANY_CALL, **TRANSACTIONS}}
AUDIT_CALLS: Final = {"PutItem": ANY_CALL}
DAY_CALLS: Final = {"PutItem": ANY_CALL, "Query": SELDOM_CALLED}
POINTER_CALLS: Final = {"PutItem": ANY_CALL, "GetItem": SELDOM_CALLED}
NETWORK_DOWN: Final = "no connection for a moment"

SHARE: Final = 0.004
"""Of the calls, for each fault."""
HIGHEST_SHARE: Final = 0.008
RARE_SHARE: Final = 0.0004
HIGHEST_RARE_SHARE: Final = 0.008
SELDOM_CALLED_SHARE: Final = 0.02
HIGHEST_SELDOM_CALLED_SHARE: Final = 0.25


@dataclass
class FaultProxy:
    """`rules` by name. Its configuration is written to `file`.

    In each life of the proxy every rule fires once for sure, on one of the first calls that it fits. After that it
    fires with its probability. A short run may be too short for chance alone.
    """

    upstream: str
    rules: dict[str, Fault]
    file: Path
    port: int = field(default_factory=free_port)
    struck: Counter[str] = field(default_factory=Counter)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return proxy_url(self.port)

    def start(self) -> None:
        self.write_rules()
        where = ["--upstream", self.upstream, "--port", str(self.port), "--config", str(self.file)]
        command = [sys.executable, "-m", "microburst", *where]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._process = process
        wait_until(Proxy(self.url).is_up, process, "the fault proxy", START_TIMEOUT_S)

    def write_rules(self) -> None:
        once = [{**rule, "probability": 1, "times": 1} for rule in self.rules.values()]
        self.file.write_text(json.dumps({"rules": [*once, *self.rules.values()]}))

    def stop(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._count()
        # Asked to end it would wait for those who are connected.
        self._process.kill()
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Nobody can connect for a moment, and it is slow at first: one more fault. It also frees its memory."""
        self.stop()
        self.struck[NETWORK_DOWN] += 1
        self.start()

    def _count(self) -> None:
        rules = self._told("rules")
        names = {rule["id"]: name for rule, name in zip(rules, [*self.rules, *self.rules], strict=True)}
        for rule in self._told("stats")["by_rule"]:
            self.struck[names[rule["id"]]] += rule["fired"]

    def _told(self, path: str) -> Any:
        with urlopen(f"{self.url}/_microburst/{path}", timeout=START_TIMEOUT_S) as answer:
            return json.load(answer)


def ledger_rules(scale: float) -> dict[str, Fault]:
    """By name, most of them alike in frequency; `scale` makes them more frequent in a short run."""
    common = rules_of(LEDGER_CALLS, min(SHARE * scale, HIGHEST_SHARE))
    rare = rules_of({"TransactWriteItems": RARE}, min(RARE_SHARE * scale, HIGHEST_RARE_SHARE))
    # Only who falls short while a hold may have expired asks the index of open holds.
    of_open_holds = rules_of({"Query": SELDOM_CALLED}, min(SELDOM_CALLED_SHARE * scale, HIGHEST_SELDOM_CALLED_SHARE))
    return common | rare | of_open_holds


def downstream_rules(scale: float) -> dict[str, Fault]:
    """Of the audit table and the feed, the sums of accounts, the pointers to boards, and the entries counted."""
    share = min(SHARE * scale, HIGHEST_SHARE)
    return {
        **_named("audit", rules_of(AUDIT_CALLS, share, body=f"TableName != '{USAGE_TABLE}'")),
        **_named("sums", rules_of(DAY_CALLS, share, body=f"TableName == '{USAGE_TABLE}' && !({_POINTS})")),
        **_named("boards", rules_of(POINTER_CALLS, share, body=_POINTS)),
        **_named("entries", rules_of({"Query": SELDOM_CALLED}, share, resource=LEDGER_TABLE)),
    }


def bucket_rules(scale: float) -> dict[str, Fault]:
    return rules_of(BUCKET_CALLS, min(SHARE * scale, HIGHEST_SHARE), service="s3")


_POINTS: Final = "contains(not_null(Item.pk.S, Key.pk.S, ''), '#BOARDS')"


def _named(what: str, rules: dict[str, Fault]) -> dict[str, Fault]:
    return {f"{what} {name}": rule for name, rule in rules.items()}


def rules_of(
    calls: dict[str, dict[str, Fault]], share: float, service: str = "dynamodb", **where: str
) -> dict[str, Fault]:
    """`where` narrows down which calls a rule is for."""
    return {
        f"{operation}: {name}": {
            "service": service,
            "operation": operation,
            "probability": share,
            **where,
            **fault,
        }
        for operation, faults in calls.items()
        for name, fault in faults.items()
    }
