"""The parts of the harness that decide what a run means: plan, journal, bus, queue and what makes a run worthless."""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from functions.cost.schema import RefundRequest
from functions.funding.schema import VoidRequest, funding_request
from functions.holds.schema import CaptureRequest, ExtendRequest, PlaceHoldRequest, ReleaseRequest
from functions.policies.schema import allowance, limits, settings
from shared.edge.charges import CostRequest
from shared.edge.validation import convert
from shared.ledger.accounts import Account
from shared.ledger.operations import Configure
from shared.pricing.catalogue import NoModels
from tests.stress.asked import Asked
from tests.stress.bus import LATE, LOST_ANSWER, REFUSED_CALL, REFUSED_ENTRY, REPEATED, Bus, Message, Queue, Rule, Shares
from tests.stress.calls import ROUTES, body_of, event_of, named_by
from tests.stress.chance import happens
from tests.stress.client import wait_until
from tests.stress.journal import Journal, Line, Progress, journal_file, lines
from tests.stress.plan import CLIENTS, GOVERNED, HOT, LANES, SCARCE, Plan, Send, client_of, plan, read, write
from tests.stress.proxy import FaultProxy, ledger_rules
from tests.stress.script import EXPIRES_AFTER_MS, LAPSED, expires_after_ms, finale

TAKEN_AS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "charge": lambda body: convert(body, CostRequest),
    "refund": lambda body: convert(body, RefundRequest),
    "funding_update": funding_request,
    "grant": funding_request,
    "void": lambda body: convert(body, VoidRequest),
    "hold": lambda body: convert(body, PlaceHoldRequest),
    "capture": lambda body: convert(body, CaptureRequest),
    "release": lambda body: convert(body, ReleaseRequest),
    "extend": lambda body: convert(body, ExtendRequest),
}
SETTINGS_TAKEN_AS: Final[Mapping[str, Callable[[Any], Configure]]] = {
    "limits": lambda body: limits(body, NoModels()),
    "allowance": allowance,
}
NOW_MS = 1_763_900_000_000
NEVER = Shares(0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def made() -> Plan:
    return plan(12_000, 1, NOW_MS)


def entry(number: int) -> dict[str, Any]:
    return {"Source": "millicent", "DetailType": "credit.record-cost", "Detail": f'{{"amount":0.{number:03d}}}'}


def delivered(queue: Queue, now_s: float = 0.0) -> list[Message]:
    return queue.receive(now_s, at_most=100, wait_s=0)


def test_the_same_seed_makes_the_same_plan_and_another_seed_another(made: Plan) -> None:
    assert plan(12_000, 1, NOW_MS) == made
    assert plan(12_000, 2, NOW_MS) != made


def test_a_plan_has_every_operation_and_duplicates_from_other_clients(made: Plan) -> None:
    clients: dict[str, set[int]] = {}
    for send in made.sends:
        for asked in send.asked:
            clients.setdefault(asked.key, set()).add(client_of(send.lane))
    assert len(clients) == made.operations == 12_000
    assert sum(len(each) > 1 for each in clients.values()) > 400
    assert {send.lane for send in made.sends} == set(range(LANES))


def test_what_has_to_meet_expired_credits_waits_for_them_however_fast_the_machine(made: Plan) -> None:
    waits_until_ms = {asked.key: send.not_before_ms for send in made.sends for asked in send.asked}
    assert {waits_until_ms[asked.key] for asked in finale()} == {lapses_at_ms(made)} == {NOW_MS + EXPIRES_AFTER_MS}


def test_on_a_slow_machine_there_is_more_time_until_credits_expire() -> None:
    assert [expires_after_ms(start_took_s=seconds) for seconds in (0.5, 5.0, 100.0)] == [30_000, 30_000, 400_000]
    slow = plan(2_000, 1, NOW_MS, expires_after_ms(start_took_s=100.0))
    waits_until_ms = {asked.key: send.not_before_ms for send in slow.sends for asked in send.asked}
    assert {waits_until_ms[asked.key] for asked in finale()} == {lapses_at_ms(slow)} == {NOW_MS + 400_000}


def lapses_at_ms(made: Plan) -> int | None:
    grants = (asked for send in made.sends for asked in send.asked if asked.actor == LAPSED and asked.kind == "grant")
    return next(grants).expires_at_ms


def test_a_client_waits_until_the_time_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ms = [NOW_MS]
    monkeypatch.setattr("tests.stress.client.epoch_now_ms", lambda: now_ms[0])
    monkeypatch.setattr(
        "tests.stress.client.time.sleep", lambda seconds: now_ms.append(now_ms.pop() + int(seconds * 500) + 1)
    )
    wait_until(NOW_MS + 1000)
    assert now_ms[0] >= NOW_MS + 1000
    wait_until(None)


def test_a_plan_has_a_scarce_a_hot_and_two_hundred_other_accounts(made: Plan) -> None:
    special = {SCARCE, HOT, *GOVERNED}
    others = {actor for actor in made.actors if not actor.startswith("scene:")} - special
    requests = Counter(send.asked[0].actor for send in made.sends)
    assert len(others) == 200
    assert min(requests[SCARCE], requests[HOT]) > 5 * max(requests[actor] for actor in others)


def test_every_request_of_a_plan_is_one_that_the_functions_take(made: Plan) -> None:
    for asked in (asked for send in made.sends for asked in send.asked):
        body = json.loads(json.dumps(body_of(asked)))
        if asked.kind == "configure":
            assert _configured(asked, body) == Configure(**asked.terms)
        else:
            assert TAKEN_AS[asked.kind](body).actor == asked.actor


def _configured(asked: Asked, body: Mapping[str, Any]) -> Configure:
    (name,) = asked.terms
    return SETTINGS_TAKEN_AS[name](body) if name in SETTINGS_TAKEN_AS else _settings(body)


def _settings(body: Mapping[str, Any]) -> Configure:
    # Whom the caller may act for is not the matter here.
    anybody: Any = SimpleNamespace(account_of=_account_of)
    return settings(body, anybody)


def _account_of(actor: str) -> Account:
    return Account("main", actor)


def test_a_plan_has_every_kind_that_there_is_a_route_for(made: Plan) -> None:
    assert {asked.kind for send in made.sends for asked in send.asked} == {*ROUTES, "configure"}


def test_what_is_named_was_asked_for_by_an_earlier_request(made: Plan) -> None:
    first_sent: dict[str, int] = {}
    for send in made.sends:
        for asked in send.asked:
            first_sent.setdefault(asked.key, send.number)
            assert asked.named is None or first_sent[asked.named] < send.number


def test_a_batch_has_its_charges_with_their_keys() -> None:
    send = Send(0, 0, tuple(Asked(f"k{number}", "a", "charge", {"cost": 1500}) for number in range(2)), None)
    function, event = event_of(send, "request", {})
    charges = [{"key": "k0", "actor": "a", "cost": "1.500"}, {"key": "k1", "actor": "a", "cost": "1.500"}]
    assert (function, event["rawPath"]) == ("cost", "/v1/cost/batch")
    assert json.loads(event["body"]) == {"charges": charges}


def test_the_hold_that_an_operation_names_is_in_its_path() -> None:
    asked = Asked("k1", "a", "capture", {"amount": 2000}, named="k0")
    function, event = event_of(Send(0, 0, (asked,), None), "request", {"k1": named_by(asked, 7)})
    assert (function, event["rawPath"]) == ("holds", "/v1/holds/h7/capture")
    assert json.loads(event["body"]) == {"actor": "a", "amount": "2.000"}


def test_a_part_of_a_hold_in_a_batch_names_it_in_its_line() -> None:
    part = Asked("k1", "a", "capture", {"amount": 2000, "overrun": "charge", "final": False}, named="k0")
    send = Send(0, 0, (Asked("k2", "a", "charge", {"cost": 1500}), part), None)
    _, event = event_of(send, "request", {"k1": named_by(part, 7)})
    assert json.loads(event["body"])["charges"][1] == {
        "key": "k1",
        "actor": "a",
        "hold": "h7",
        "cost": "2.000",
        "overrun": "charge",
    }


def test_a_client_reads_its_own_part_of_the_plan_and_no_other(made: Plan, tmp_path: Path) -> None:
    write(made.sends, tmp_path)
    parts = [list(read(tmp_path, client)) for client in range(CLIENTS)]
    assert all(client_of(send.lane) == client for client, part in enumerate(parts) for send in part)
    assert sorted((send for part in parts for send in part), key=lambda send: send.number) == list(made.sends)


def test_a_successor_goes_on_in_the_journal_of_the_client_that_was_killed(tmp_path: Path) -> None:
    file = journal_file(tmp_path, 0)
    Journal(file).sent(1)
    Journal(file).answered(1, 201, '{"a":1}', is_replayed=False)
    first, second = lines(file)
    assert (first.happening, second) == ("sent", Line(1, "answered", second.at_ns, "", 201, False, '{"a":1}'))


def test_progress_counts_every_answer_once_and_no_half_written_line(tmp_path: Path) -> None:
    files = [journal_file(tmp_path, client) for client in range(2)]
    progress = Progress(files)
    assert progress.update() == 0
    Journal(files[0]).answered(1, 201, "{}", is_replayed=False)
    Journal(files[1]).sent(2)
    assert (progress.update(), progress.update()) == (1, 1)
    with files[1].open("a") as half:
        half.write('{"send": 2, "happening": "answered"')
    assert progress.update() == 1


def test_a_bus_without_faults_delivers_each_event_once_word_for_word() -> None:
    queue = Queue()
    status, content = Bus([Rule(queue)], random.Random(1), NEVER).put_events([entry(1), entry(2)], 0.0) or (0, {})
    assert (status, content["FailedEntryCount"]) == (200, 0)
    assert ['"detail": {"amount":0.001}}' in each.body for each in delivered(queue)] == [True, False]


def test_every_fault_happens_on_its_first_occasion_and_then_by_chance() -> None:
    chance = random.Random(1)
    assert happens(chance, share=1e-9, times_so_far=0)
    assert not happens(chance, share=1e-9, times_so_far=1)
    assert not happens(chance, share=0, times_so_far=0)


def test_a_proxy_is_told_each_rule_twice_once_for_sure_and_then_by_chance(tmp_path: Path) -> None:
    rules = ledger_rules(scale=1)
    file = tmp_path / "rules.yml"
    FaultProxy("http://127.0.0.1:1", rules, file).write_rules()
    told = json.loads(file.read_text())["rules"]
    assert [(rule["probability"], rule["times"]) for rule in told[: len(rules)]] == [(1, 1)] * len(rules)
    assert told[len(rules) :] == list(rules.values())


def test_an_entry_that_the_bus_refused_is_not_delivered() -> None:
    queue = Queue()
    bus = Bus([Rule(queue)], random.Random(1), Shares(1, 0, 0, 0, 0, 0))
    _, content = bus.put_events([entry(1)], 0.0) or (0, {})
    assert (content["FailedEntryCount"], delivered(queue), bus.struck[REFUSED_ENTRY]) == (1, [], 1)


def test_a_call_that_the_bus_refused_delivers_nothing() -> None:
    queue = Queue()
    bus = Bus([Rule(queue)], random.Random(1), Shares(0, 1, 0, 0, 0, 0))
    assert (bus.put_events([entry(1)], 0.0) or (0, {}))[0] == 500
    assert (delivered(queue), bus.struck[REFUSED_CALL]) == ([], 1)


def test_events_whose_answer_was_lost_are_delivered() -> None:
    queue = Queue()
    bus = Bus([Rule(queue)], random.Random(1), Shares(0, 0, 1, 0, 0, 0))
    assert bus.put_events([entry(1)], 0.0) is None
    assert (len(delivered(queue)), bus.struck[LOST_ANSWER]) == (1, 1)


def test_events_are_delivered_twice_late_and_out_of_order() -> None:
    queue = Queue()
    bus = Bus([Rule(queue)], random.Random(1), Shares(0, 0, 0, 1, 1, 0))
    bus.put_events([entry(number) for number in range(9)], 0.0)
    assert delivered(queue) == []
    bodies = [each.body for each in delivered(queue, now_s=10.0)]
    assert len(bodies) == 18
    assert bodies != sorted(bodies)
    assert (bus.struck[REPEATED], bus.struck[LATE]) == (9, 18)


def test_a_message_stays_until_it_is_deleted() -> None:
    queue = Queue()
    queue.send("one", 0.0)
    received = delivered(queue)
    assert queue.unfinished == 1
    queue.give_back(received, 5.0)
    assert delivered(queue) == []
    again = delivered(queue, now_s=5.0)
    assert [each.body for each in again] == ["one"]
    queue.delete(again)
    assert queue.unfinished == 0
