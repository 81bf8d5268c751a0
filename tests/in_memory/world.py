"""The service of `millicent.testing` where a test has the functions on moto: the same calls, over the transport."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any, Final, cast
from urllib.parse import urlencode

import httpx

from millicent.testing import InMemoryMillicent
from tests.integration.world import SERVICE, Answer, World
from tests.vectors.language import Story

MODULES: Final = ("cost", "funding", "holds", "policies", "accounts")


class InMemoryWorld(World):
    """Each call is a request of HTTP to a service of its own."""

    def __init__(self, copied: Callable[[str], ModuleType]) -> None:
        self.client = InMemoryMillicent()
        self.service = cast("Any", self.client._service)
        self.copied = copied
        # Here, as on moto, nothing is published until a test says so.
        self._publish: Callable[[], None] = self.service._publish
        self.service._publish = lambda: None
        ledger = self.service.ledger
        functions = SimpleNamespace(ledger=ledger, rates=SimpleNamespace(forget=lambda: None))
        self.modules: Any = {name: SimpleNamespace(runtime=functions) for name in MODULES}

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        text: str | None = None,
        key: str | None = None,
        claims: Mapping[str, Any] | None = SERVICE,
        query: Mapping[str, str] | None = None,
        as_base64: bool = False,
        accept: str | None = None,
    ) -> Answer:
        assert not as_base64, "that is the gateway's"
        headers = {"Content-Type": "application/json"}
        headers |= {} if key is None else {"Idempotency-Key": key}
        headers |= {} if accept is None else {"Accept": accept}
        if claims is not None:
            self.service.tokens["of-the-test"] = claims
            headers["Authorization"] = "Bearer of-the-test"
        url = f"http://127.0.0.1{path}" + (f"?{urlencode(query)}" if query else "")
        content = httpx.Request(method, url, json=body).content if text is None and body is not None else text
        answer = self.client.transport.handle_request(httpx.Request(method, url, headers=headers, content=content))
        named = {name.title(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, named, answer.text)

    def settle(self) -> None:
        """Lets everything written reach the audit table."""
        self._publish()


class InMemoryStory(Story):
    world: InMemoryWorld

    def __init__(self, world: InMemoryWorld, actor: str) -> None:
        super().__init__(world, actor)
        self.commit_type = world.copied("shared.ledger.protocol").Commit

    @contextmanager
    def timed(self) -> Iterator[None]:
        self.world.service.clock.now_ms = lambda: self.now_ms
        yield

    def assert_sound(self) -> None:
        """The record of each account holds, judged by the code of the copy."""
        account_of = self.world.copied("shared.ledger.accounts").Account
        wanted = self.world.copied("shared.ports.ledger").EntryFilter(1000)
        verify = self.world.copied("shared.verification.accounts").verify_account
        ledger = self.world.service.ledger
        for actor in self.actors:
            account = account_of("main", actor)
            state = ledger.state(account)
            assert verify(account, list(ledger.entries(account, wanted).items)[::-1], state) == []
            assert sum(hold.remaining for hold in ledger.open_holds(account)) == (state.held if state else 0)
