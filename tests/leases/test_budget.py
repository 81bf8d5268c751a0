"""`Budget` itself: threads, tasks, forks, waiting and the end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from millicent import AccountBusy, Clock, InsufficientCredits, Millicent, RetryPolicy, Unreachable, ValidationFailed
from millicent.errors import BudgetClosed, JournalInUse, NotSettled
from millicent.leases import Budget, patience
from tests.leases.plain_ledger import URL, PlainLedger, lost_after, unreachable
from tests.leases.services import ACTOR

QUICK = RetryPolicy(deadline_s=0.05, base_s=0.01)


@pytest.fixture
def ledger() -> PlainLedger:
    return PlainLedger(available=Decimal(100_000))


@pytest.fixture
def client(ledger: PlainLedger) -> Iterator[Millicent]:
    with ledger.client(policy=QUICK) as made:
        yield made


def test_spends_are_settled_at_the_end_and_the_rest_returns(ledger: PlainLedger, client: Millicent) -> None:
    with client.budget(ACTOR, 5000, meter="llm") as budget:
        budget.spend("137.5", metadata={"model": "gpt-4o"})
        budget.spend(Decimal("0.001"), app="chat")
        assert budget.remaining == Decimal("4862.499")
    assert ledger.spent == Decimal("137.501")
    assert ledger.available == Decimal("99862.499")
    assert budget.stats.settled == budget.stats.spends == 2
    first, second = ledger.charges.values()
    assert (first["meter"], first["hold"], first["metadata"]) == ("llm", "h1", {"model": "gpt-4o"})
    assert (second["app"], second["meter"]) == ("chat", "llm")


def test_a_part_is_reserved_for_work_whose_cost_is_known_afterwards(ledger: PlainLedger, client: Millicent) -> None:
    with client.budget(ACTOR, 1000) as budget:
        with budget.reserve(400) as part:
            assert budget.remaining == 600
            part.spend(150)
            assert part.left == 250
        assert budget.remaining == 850
        part.spend(10)
        assert budget.remaining == 840
    assert ledger.spent == 160


def test_a_block_that_fails_gives_its_part_back(client: Millicent) -> None:
    with client.budget(ACTOR, 1000) as budget:
        with pytest.raises(ZeroDivisionError), budget.reserve(400) as part:
            part.spend(1 // 0)
        assert budget.remaining == 1000


@pytest.mark.parametrize("record", ["each", "sum"])
def test_threads_spend_exactly_what_they_were_granted(ledger: PlainLedger, client: Millicent, record: Any) -> None:
    ledger.available = Decimal(500)

    def spend(budget: Budget) -> int:
        done = 0
        for _ in range(200):
            try:
                budget.spend(1)
            except InsufficientCredits:
                break
            done += 1
        return done

    with client.budget(ACTOR, 100, record=record, flush_every_s=0.05) as budget, ThreadPoolExecutor(8) as pool:
        accepted = sum(pool.map(spend, [budget] * 8))
    assert accepted == 500
    assert ledger.spent == 500
    assert ledger.available == 0


def test_a_spend_without_a_slice_waits_and_says_why_in_the_end(ledger: PlainLedger, client: Millicent) -> None:
    ledger.faults += [unreachable] * 1000
    budget = client.budget(ACTOR, 1000, wait_s=0.2)
    with pytest.raises(Unreachable, match=r"within 0\.2 s, nothing was spent: the service cannot be reached"):
        budget.spend(1)
    ledger.faults.clear()
    budget.close()
    assert ledger.spent == 0


def test_a_refusal_tells_the_figures_and_takes_nothing(ledger: PlainLedger, client: Millicent) -> None:
    ledger.available = Decimal(700)
    with client.budget(ACTOR, 1000) as budget:
        budget.spend(500)
        with pytest.raises(InsufficientCredits) as refused:
            budget.spend(201)
        assert [refused.value.required, refused.value.largest_affordable] == [201, 200]
        with pytest.raises(InsufficientCredits):
            budget.reserve(201)
        budget.spend(200)
        assert budget.stats.refused == 2
    assert ledger.available == 0


@pytest.mark.parametrize("amount", [-1, "1.0001", 1.5, True, "NaN", Decimal("sNaN"), 10**13, "much"])
def test_an_amount_that_the_api_would_refuse_is_not_spent(client: Millicent, amount: Any) -> None:
    with client.budget(ACTOR, 1000) as budget:
        with pytest.raises((ValueError, TypeError)):
            budget.spend(amount)
        assert budget.stats.spends == 0


def nested(levels: int) -> dict[str, Any]:
    return {"n": nested(levels - 1)} if levels else {}


@pytest.mark.parametrize(
    "about", [{"app": "a b"}, {"meter": ""}, {"key": "a b"}, {"metadata": {"x": "y" * 9000}}, {"metadata": nested(9)}]
)
def test_what_the_ledger_would_never_record_is_not_spent(client: Millicent, about: dict[str, Any]) -> None:
    with client.budget(ACTOR, 1000) as budget:
        with pytest.raises(ValueError, match=r"is not an id|metadata"):
            budget.spend(1, **about)
        assert budget.stats.spends == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"slice": 0},
        {"minimum": 2000},
        {"low_water": 1.0},
        {"record": "some"},
        {"flush_at": 1001},
        {"flush_every_s": 0},
        {"ttl_s": 0},
        {"ttl_s": 100_000},
        {"idle_release_s": -1},
        {"wait_s": -1},
        {"meter": "a b"},
    ],
)
def test_an_invalid_setting_is_refused_before_anything_is_held(
    ledger: PlainLedger, client: Millicent, settings: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"slice|minimum|low_water|record|flush|ttl_s|wait_s|meter"):
        client.budget(ACTOR, **{"slice": 1000, **settings})
    assert ledger.seen == []


def test_a_closed_budget_spends_nothing(client: Millicent) -> None:
    budget = client.budget(ACTOR, 1000)
    budget.spend(1)
    stats = budget.close()
    assert budget.close() == stats
    for attempt in (lambda: budget.spend(1), lambda: budget.reserve(1)):
        with pytest.raises(BudgetClosed):
            attempt()


def test_a_spend_that_waits_when_the_budget_is_closed_is_not_made(ledger: PlainLedger, client: Millicent) -> None:
    ledger.faults += [unreachable] * 1000
    budget = client.budget(ACTOR, 1000)
    refused: list[BaseException] = []

    def spend() -> None:
        try:
            budget.spend(1)
        except BudgetClosed as closed:
            refused.append(closed)

    waiting = threading.Thread(target=spend)
    waiting.start()
    while not budget._lease.state.wanted:
        pass
    budget.close(timeout_s=0.1)
    waiting.join()
    assert len(refused) == 1


def test_what_cannot_be_settled_in_time_is_said_without_a_journal(ledger: PlainLedger, client: Millicent) -> None:
    budget = client.budget(ACTOR, 1000, flush_every_s=100)
    budget.spend(1)
    ledger.faults += [unreachable] * 1000
    with pytest.raises(NotSettled, match="1 spends are not on the record yet, and there is no journal") as lost:
        budget.close(timeout_s=0.2)
    assert lost.value.spends == 1


@pytest.mark.parametrize("end", [Budget.close, Budget.flush])
def test_an_end_is_waited_for_while_the_ledger_goes_on_taking_lines(
    ledger: PlainLedger, monkeypatch: pytest.MonkeyPatch, end: Callable[[Budget], object]
) -> None:
    monkeypatch.setattr(patience, "WITHOUT_PROGRESS_S", 5.0)
    now_s, is_ending = 0.0, threading.Event()

    def slow(_request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
        nonlocal now_s
        assert is_ending.wait(20)
        now_s += 2.0
        return serve()

    with ledger.client(Clock(steady_now_s=lambda: now_s), QUICK) as client:
        budget = client.budget(ACTOR, 1000, flush_at=1, low_water=0)
        budget.spend(1)
        ledger.faults += [slow] * 20
        for _ in range(19):
            budget.spend(1)
        is_ending.set()
        end(budget)
        assert budget.stats.unsettled == 0
        assert ledger.spent == 20
        budget.close()


def test_a_stop_of_the_process_is_not_time_in_which_the_ledger_took_nothing() -> None:
    left = patience.Patience(None, finished=0)
    left.waited(0.5, 3600, finished=0)
    assert left.left_s == patience.WITHOUT_PROGRESS_S - 0.5
    given = patience.Patience(10.0, finished=0)
    given.waited(1, 0.25, finished=1)
    assert given.left_s == 9.75


def test_threads_at_the_bound_are_served_in_the_order_in_which_they_came(
    ledger: PlainLedger,
) -> None:
    served: list[int] = []
    may_answer = threading.Semaphore(0)

    def when_allowed(request: httpx.Request) -> httpx.Response:
        assert "batch" not in request.url.path or may_answer.acquire(timeout=20)
        return ledger.handle(request)

    client = Millicent(URL, "token", transport=httpx.MockTransport(when_allowed))
    budget = client.budget(ACTOR, 1000, wait_s=20)

    def spend(amount: int) -> None:
        budget.spend(amount)
        served.append(amount)

    budget.spend(1000)
    threads = [threading.Thread(target=spend, args=(amount,)) for amount in range(1000, 995, -1)]
    for number, thread in enumerate(threads):
        thread.start()
        while len(budget._lease.state.wanted) <= number:
            pass
    for number, thread in enumerate(threads):
        may_answer.release()
        thread.join(20)
        assert served == [1000, 999, 998, 997, 996][: number + 1]
    may_answer.release(9)
    budget.close()
    assert ledger.spent == 1000 + sum(served)


def test_a_refused_slice_is_not_the_cause_of_what_is_not_settled(ledger: PlainLedger, client: Millicent) -> None:
    ledger.available = Decimal(1000)
    is_over = threading.Event()

    def slow(_request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
        is_over.wait(20)
        return serve()

    budget = client.budget(ACTOR, 1000, flush_every_s=100, low_water=0.9)
    budget.spend(200)
    while not isinstance(budget.stats.last_error, InsufficientCredits):
        pass
    ledger.faults += [slow] * 2
    with pytest.raises(NotSettled) as lost:
        budget.close(timeout_s=0.1)
    is_over.set()
    assert lost.value.__cause__ is None


@pytest.mark.parametrize("end", [Budget.close, Budget.flush])
def test_what_will_never_be_recorded_is_said_at_the_end(
    ledger: PlainLedger, client: Millicent, end: Callable[[Budget], object]
) -> None:
    heard: list[tuple[str, int]] = []
    budget = client.budget(ACTOR, 1000, flush_every_s=100)
    budget.listen(lambda key, result: heard.append((key, result.status)))
    for key in "abc":
        budget.spend(1, key=key)
    ledger.whole["b"] = (422, "validation_failed")
    with pytest.raises(NotSettled, match="1 spends will never be on the record, the last of them b: not as it") as told:
        end(budget)
    assert (told.value.spends, told.value.rejected) == (0, 1)
    assert isinstance(told.value.__cause__, ValidationFailed)
    assert sorted(heard) == [("a", 201), ("b", 422), ("c", 201)]
    assert ledger.spent == 2
    with pytest.raises(NotSettled):
        budget.close()
    assert ledger.held == 0


def test_a_recovery_says_what_will_never_be_recorded_and_leaves_nothing_behind(
    ledger: PlainLedger, client: Millicent, tmp_path: Path
) -> None:
    file = tmp_path / "spend.db"
    budget = client.budget(ACTOR, 1000, journal=file, flush_every_s=100)
    for key in "ab":
        budget.spend(1, key=key)
    ledger.faults += [unreachable] * 1000
    with pytest.raises(NotSettled):
        budget.close(timeout_s=0.2)
    ledger.faults.clear()
    ledger.whole["a"] = (413, None)
    with pytest.raises(NotSettled) as told:
        Budget.recover(file, client)
    assert (told.value.spends, told.value.rejected) == (0, 1)
    assert ledger.spent == 1
    assert Budget.recover(file, client).rejected == 0


def test_an_account_that_is_busy_is_named_as_the_cause(ledger: PlainLedger, client: Millicent) -> None:
    budget = client.budget(ACTOR, 1000, flush_every_s=100)
    ledger.answers["a"] = (429, {"status": 429, "code": "account_busy"})
    budget.spend(1, key="a")
    with pytest.raises(NotSettled) as told:
        budget.close(timeout_s=0.3)
    assert isinstance(told.value.__cause__, AccountBusy)


def test_a_listener_that_fails_does_not_keep_the_others_from_the_record(ledger: PlainLedger, client: Millicent) -> None:
    heard: list[str] = []

    def fail(key: str, _: object) -> None:
        heard.append(key)
        raise ZeroDivisionError

    with client.budget(ACTOR, 1000) as budget:
        budget.listen(fail)
        for key in "abc":
            budget.spend(1, key=key)
    assert heard == ["a", "b", "c"]
    assert ledger.spent == 3


@pytest.mark.parametrize(
    "about",
    [
        {"cost_usd": "much"},
        {"cost_usd": 1.5},
        {"usage": {"raw": object()}},
        {"usage": {"raw": {"text": "x" * 256 * 1024}}},
        {"usage": nested(30)},
        {"usage": {"raw": {"n": Decimal("NaN")}}},
        {"metadata": {"n": Decimal("Infinity")}},
        {"metadata": {1: "a", "1": "b"}},
        {"occurred_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - without its offset
    ],
)
def test_what_cannot_be_sent_is_not_spent_and_stands_in_nobodys_way(
    ledger: PlainLedger, client: Millicent, about: dict[str, Any]
) -> None:
    with client.budget(ACTOR, 1000) as budget:
        budget.spend(1)
        with pytest.raises((ValueError, TypeError)):
            budget.spend(1, **about)
        assert budget.stats.spends == 1
    assert ledger.spent == 1


def test_what_the_caller_changes_later_is_not_what_is_sent_again(ledger: PlainLedger, client: Millicent) -> None:
    metadata: dict[str, Any] = {"tags": ["a"], "about": {"n": 1}}
    given = json.dumps(metadata)
    with client.budget(ACTOR, 1000, flush_every_s=100) as budget:
        budget.spend(1, metadata=metadata)
        ledger.faults.append(lost_after)
        metadata["tags"].append("b")
        metadata["about"]["n"] = 2
    (line,) = ledger.charges.values()
    assert line["metadata"] == json.loads(given)


def test_what_cannot_be_settled_in_time_is_recovered_from_the_journal(
    ledger: PlainLedger, client: Millicent, tmp_path: Path
) -> None:
    file = tmp_path / "spend.db"
    budget = client.budget(ACTOR, 1000, journal=file, flush_every_s=100)
    budget.spend(1)
    with pytest.raises(JournalInUse):
        client.budget(ACTOR, 1000, journal=file)
    ledger.faults += [unreachable] * 1000
    with pytest.raises(NotSettled, match="in the journal"):
        budget.close(timeout_s=0.2)
    ledger.faults.clear()
    stats = Budget.recover(file, client)
    assert (stats.settled, stats.unsettled) == (1, 0)
    assert ledger.spent == 1
    assert ledger.held == 0


def test_opening_the_journal_again_settles_what_is_in_it(
    ledger: PlainLedger, client: Millicent, tmp_path: Path
) -> None:
    file = tmp_path / "spend.db"
    budget = client.budget(ACTOR, 1000, journal=file, flush_every_s=100, record="sum")
    budget.spend(1)
    ledger.faults += [unreachable] * 1000
    with pytest.raises(NotSettled):
        budget.close(timeout_s=0.2)
    ledger.faults.clear()
    with client.budget(ACTOR, 1000, journal=file) as again:
        again.spend(2)
    assert ledger.spent == 3


def test_a_flush_waits_until_everything_is_on_the_record(ledger: PlainLedger, client: Millicent) -> None:
    with client.budget(ACTOR, 1000, record="sum", flush_every_s=100) as budget:
        budget.spend(1)
        ledger.faults.append(lost_after)
        budget.flush()
        assert ledger.spent == 1
        ledger.faults += [unreachable] * 1000
        budget.spend(2)
        with pytest.raises(NotSettled):
            budget.flush(timeout_s=0.2)
        ledger.faults.clear()


def test_tasks_spend_without_waiting_for_each_other(ledger: PlainLedger, client: Millicent) -> None:
    async def work(budget: Budget) -> None:
        for _ in range(50):
            await budget.aspend(1)
            await asyncio.sleep(0)

    async def main() -> None:
        async with client.budget(ACTOR, 100) as budget:
            await asyncio.gather(*(work(budget) for _ in range(10)))
            budget.spend(1)

    asyncio.run(main())
    assert ledger.spent == 501
    assert ledger.held == 0


def test_a_forked_child_has_none_of_its_parents_budget(ledger: PlainLedger, client: Millicent, tmp_path: Path) -> None:
    with client.budget(ACTOR, 1000, journal=tmp_path / "spend.db", flush_every_s=100) as budget:
        budget.spend(1)
        with budget._lock:
            child = os.fork()
            if child == 0:
                os._exit(_in_the_child(budget))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        budget.spend(2)
    assert ledger.spent == 3


def _in_the_child(budget: Budget) -> int:
    signal.alarm(20)  # it would wait for ever for a lock that nobody gives back
    try:
        budget.spend(1)
    except BudgetClosed as closed:
        budget.close()
        return 7 if "parent" in str(closed) else 1
    except BaseException:  # noqa: BLE001 - a child of a test says all by its status
        return 2
    return 3


def test_a_program_that_forgets_to_close_is_settled_at_its_end(tmp_path: Path) -> None:
    source = (
        "from decimal import Decimal\n"
        "import atexit\n"
        "from tests.leases.plain_ledger import PlainLedger\n"
        "ledger = PlainLedger(available=Decimal(1000))\n"
        "atexit.register(lambda: print(ledger.spent, ledger.held))\n"
        "import millicent.leases\n"
        "ledger.client().budget('user:alice', 100, flush_every_s=100).spend(5)\n"
    )
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.split() == ["5.000", "0"]
