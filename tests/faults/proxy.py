"""A proxy in front of DynamoDB Local that makes it fail as AWS fails."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from local.processes import free_port, stop, wait_until

START_TIMEOUT_S = 60


@dataclass(frozen=True)
class Proxy:
    url: str

    def fail(self, *faults: dict[str, Any]) -> None:
        """Replaces the faults. Each has at least `operation`; `times` is how often it strikes, always if absent."""
        self._call("DELETE", "fired")
        self._call("POST", "rules", [{"service": "dynamodb", **fault} for fault in faults])

    def struck(self) -> list[str]:
        """What the faults have done since they were set."""
        return [f"{fired['operation']} {fired['action']}" for fired in self._call("GET", "fired?limit=100000")]

    def _call(self, method: str, path: str, content: object = None) -> Any:
        body = None if content is None else json.dumps(content).encode()
        request = Request(f"{self.url}/_microburst/{path}", body, method=method)
        with urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def is_up(self) -> bool:
        try:
            self._call("GET", "health")
        except (URLError, TimeoutError):
            return False
        return True


def proxy_url(port: int) -> str:
    """By name: in an address the proxy would look for a service of AWS, and load the models of all of them for that."""
    return f"http://localhost:{port}"


@contextmanager
def in_front_of(upstream: str) -> Iterator[Proxy]:
    port = free_port()
    command = [sys.executable, "-m", "microburst", "--upstream", upstream, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    proxy = Proxy(proxy_url(port))
    try:
        wait_until(proxy.is_up, process, "the fault proxy", START_TIMEOUT_S)
        yield proxy
    finally:
        stop(process)
