"""What an operator does to an account, with the ledger behind it asked by the API."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from http import HTTPStatus
from operator import attrgetter
from typing import Final

import httpx
import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from millicent import Millicent
from millicent.errors import NotFound
from millicent.models import Account
from tests.browser import tokens
from tests.browser.accessibility import violations
from tests.browser.visits import Visit
from tests.e2e.laptop import Laptop

pytestmark = pytest.mark.e2e

Opens = Callable[..., Visit]
Prepares = Callable[[Millicent, str], object]
GRANTED: Final = 1000
CHARGE: Final = "the-charge"


def granted(client: Millicent, actor: str) -> None:
    client.grant(actor, GRANTED)


def nothing(client: Millicent, actor: str) -> None:
    """For an action that may be the first of an account."""


def prepared(*steps: Prepares) -> Prepares:
    def prepare(client: Millicent, actor: str) -> None:
        for step in (granted, *steps):
            step(client, actor)

    return prepare


@dataclass(frozen=True)
class Action:
    """`button` opens its dialog, in the section `within` of the account's page; `verb` is on the button that does it.

    `fields` are filled in by their labels. `previewed` is what the dialog says will change.
    """

    name: str
    button: str
    title: str
    verb: str
    is_done: Callable[[Account], bool]
    prepare: Prepares = granted
    within: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    presses: str | None = None
    previewed: str = ""
    query: str = ""
    entries: int = 1


ACTIONS: Final = (
    Action(
        "fund",
        "Set the total",
        "Set the funded total",
        "Set the total",
        lambda account: account.funded == 1500 and account.available == 1500,
        fields={"Funded in all (millicents)": "1,500"},
        previewed="1,500",
    ),
    Action(
        "fund-a-new-account",
        "Set the total",
        "Set the funded total",
        "Set the total",
        lambda account: account.funded == Decimal("0.125"),
        nothing,
        fields={"Funded in all (millicents)": "0.125"},
        previewed="0.125",
    ),
    Action(
        "grant",
        "Add a grant",
        "Add a grant",
        "Add the grant",
        lambda account: account.available == 1250 and {grant.priority for grant in account.grants} == {3, 10},
        fields={"Amount (millicents)": "250", "Priority": "3", "Reason, optional": "<b>sorry</b>"},
        previewed="1,250",
    ),
    Action(
        "void",
        "Void g1",
        "Void a grant",
        "Void the grant",
        lambda account: account.available == 0 and account.funded == 0,
        fields={"Reason, optional": "charged back"},
        previewed="Left of g1",
    ),
    Action(
        "release",
        "Release ",
        "Release a hold",
        "Release the hold",
        lambda account: account.held == 0 and account.available == GRANTED,
        prepared(lambda client, actor: client.hold(actor, 400)),
        previewed="released",
    ),
    Action(
        "refund",
        "Refund",
        "Refund a charge",
        "Refund",
        lambda account: account.spent == 60 and account.available == 940,
        prepared(lambda client, actor: client.charge(actor, 100, key=CHARGE)),
        fields={"Amount, optional (millicents)": "40"},
        previewed="Refunded of it",
        query=f"?entry={CHARGE}",
    ),
    Action(
        "freeze",
        "Freeze",
        "Freeze the account",
        "Freeze",
        lambda account: account.status == "frozen",
        previewed="frozen",
        within="Settings",
    ),
    Action(
        "unfreeze",
        "Open",
        "Open the account",
        "Open",
        lambda account: account.status == "open",
        prepared(lambda client, actor: client.freeze(actor)),
        previewed="frozen",
        within="Settings",
    ),
    Action(
        "limits",
        "Change",
        "Spending limits",
        "Set the limits",
        lambda account: [f"{limit.amount} a {limit.window}" for limit in account.limits] == ["500 a day"],
        within="Spending limits",
        presses="Add a limit",
        fields={"Millicents": "500"},
        previewed="500 a day",
    ),
    Action(
        "allowance",
        "Set",
        "Allowance",
        "Set the allowance",
        lambda account: account.allowance is not None and account.available == GRANTED + 300,
        within="Settings",
        fields={"Amount of a period (millicents)": "300"},
        previewed="300 monthly",
        # The allowance, and its first amount.
        entries=2,
    ),
    Action(
        "end-allowance",
        "End",
        "End the allowance",
        "End it",
        lambda account: account.allowance is None,
        prepared(lambda client, actor: client.set_allowance(actor, 300, "monthly")),
        within="Settings",
        previewed="none",
    ),
    Action(
        "thresholds",
        "Change",
        "Settings",
        "Set",
        lambda account: sorted(account.low_balance_thresholds) == [50, Decimal("100.5")],
        within="Settings",
        fields={"Warn below, optional": "50\n100.5"},
        previewed="50, 100.5",
    ),
    Action(
        "join",
        "Join",
        "Join a parent",
        "Join",
        lambda account: account.parent == "team:console",
        prepared(lambda client, _: client.grant("team:console", GRANTED)),
        within="Settings",
        fields={"Parent account": "team:console"},
        previewed="team:console",
    ),
    Action(
        "leave",
        "Leave",
        "Leave the parent",
        "Leave",
        lambda account: account.parent is None,
        prepared(
            lambda client, _: client.grant("team:console", GRANTED),
            lambda client, actor: client.join(actor, "team:console"),
        ),
        within="Settings",
        previewed="none",
    ),
)
each_action = pytest.mark.parametrize("action", ACTIONS, ids=attrgetter("name"))


def opened_at(visit: Opens, token: str, actor: str, query: str = "") -> Visit:
    opened = visit()
    opened.enter(f"/accounts/{actor}{query}", token)
    opened.shows(actor)
    return opened


def dialog_of(page: Page, action: Action) -> Locator:
    """Its dialog, filled in."""
    place: Page | Locator = page
    if action.within is not None:
        heading = page.get_by_role("heading", name=action.within, exact=True)
        place = page.locator("section").filter(has=heading)
    is_exact = not action.button.endswith(" ")
    place.get_by_role("button", name=action.button, exact=is_exact).click()
    dialog = page.get_by_role("dialog", name=action.title, exact=True)
    if action.presses is not None:
        dialog.get_by_role("button", name=action.presses).click()
    for label, text in action.fields.items():
        dialog.get_by_label(label, exact=True).fill(text)
    return dialog


def seq_of(client: Millicent, actor: str) -> int:
    """Of its newest entry; 0 if nothing is recorded of it."""
    try:
        return client.account(actor).seq
    except NotFound:
        return 0


@each_action
def test_an_action_says_what_it_will_change_and_is_done_once_however_often_its_button_is_clicked(
    visit: Opens, admin: str, client: Millicent, action: Action
) -> None:
    actor = f"user:action-{action.name}"
    action.prepare(client, actor)
    before = seq_of(client, actor)
    opened = opened_at(visit, admin, actor, action.query)
    dialog = dialog_of(opened.page, action)
    expect(dialog.get_by_label("What this will change")).to_contain_text(action.previewed)
    dialog.get_by_role("button", name=action.verb, exact=True).dblclick()
    expect(dialog).to_have_count(0)
    opened.is_complete()
    opened.refusals = [each for each in opened.refusals if each[1] != HTTPStatus.NOT_FOUND or before]
    assert action.is_done(client.account(actor))
    assert seq_of(client, actor) == before + action.entries


@pytest.mark.parametrize("action", [ACTIONS[2], ACTIONS[8]], ids=attrgetter("name"))
def test_axe_finds_nothing_in_a_dialog(visit: Opens, admin: str, client: Millicent, action: Action) -> None:
    actor = f"user:axe-{action.name}"
    action.prepare(client, actor)
    page = opened_at(visit, admin, actor).page
    dialog_of(page, action)
    assert violations(page) == []


def test_an_action_whose_answer_is_lost_is_asked_for_again_with_its_key_and_is_one_entry(
    visit: Opens, admin: str, client: Millicent
) -> None:
    actor = "user:action-lost"
    granted(client, actor)
    opened = opened_at(visit, admin, actor)
    keys: list[str] = []

    def lose(route: Route) -> None:
        """The first is recorded, and its answer gets lost."""
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    opened.page.route("**/v1/funding", lose)
    dialog = dialog_of(opened.page, ACTIONS[2])
    dialog.get_by_role("button", name="Add the grant").click()
    expect(dialog).to_have_count(0)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert client.account(actor).available == 1250
    assert seq_of(client, actor) == 2


def test_another_dialog_has_another_key(visit: Opens, admin: str, client: Millicent) -> None:
    actor = "user:action-twice"
    granted(client, actor)
    opened = opened_at(visit, admin, actor)
    keys: Counter[str] = Counter()

    def asked(request: Request) -> None:
        if request.method == "POST":
            keys[request.headers["idempotency-key"]] += 1

    opened.page.on("request", asked)
    for _ in range(2):
        dialog = dialog_of(opened.page, ACTIONS[2])
        dialog.get_by_role("button", name="Add the grant").click()
        expect(dialog).to_have_count(0)
    assert len(keys) == 2
    assert client.account(actor).available == 1500


def test_a_refused_action_says_why_and_changes_nothing(visit: Opens, admin: str, client: Millicent) -> None:
    actor = "user:action-refused"
    granted(client, actor)
    opened = opened_at(visit, admin, actor)
    dialog = dialog_of(opened.page, ACTIONS[0])
    # Somebody else was faster.
    client.update_funding(actor, GRANTED, 2000)
    dialog.get_by_role("button", name="Set the total").click()
    expect(dialog.get_by_role("alert")).to_contain_text("409")
    assert {code for _, code in opened.refusals} == {HTTPStatus.CONFLICT}
    opened.refusals.clear()
    assert client.account(actor).funded == 2000


def test_a_field_that_is_wrong_is_named_and_nothing_is_sent(visit: Opens, admin: str, client: Millicent) -> None:
    actor = "user:action-wrong"
    granted(client, actor)
    opened = opened_at(visit, admin, actor)
    dialog = dialog_of(opened.page, ACTIONS[2])
    dialog.get_by_label("Amount (millicents)").fill("1.2345")
    dialog.get_by_role("button", name="Add the grant").click()
    expect(dialog.get_by_role("alert")).to_contain_text("no amount")
    assert seq_of(client, actor) == 1


def test_esc_closes_a_dialog_and_nothing_is_done(visit: Opens, admin: str, client: Millicent) -> None:
    actor = "user:action-esc"
    granted(client, actor)
    opened = opened_at(visit, admin, actor)
    dialog = dialog_of(opened.page, ACTIONS[2])
    opened.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert seq_of(client, actor) == 1


@pytest.mark.parametrize("scope", ["credits/read credits/act", "credits/read"])
def test_a_token_that_may_only_read_sees_no_action_and_the_api_refuses_each(
    visit: Opens, laptop: Laptop, client: Millicent, scope: str
) -> None:
    """An operator who may read, and an end user at the own account."""
    actor = "user:read-only"
    granted(client, actor)
    client.hold(actor, 10)
    client.charge(actor, 10, key=CHARGE)
    token = tokens.issued(laptop, sub=actor, scope=scope)
    before = seq_of(client, actor)
    opened = opened_at(visit, token, actor, f"?entry={CHARGE}")
    opened.page.get_by_role("dialog").get_by_role("button", name="Close").click()
    of_actions = re.compile("^(Set|Add|Void|Release|Refund|Freeze|Open|Change|End|Join|Leave)")
    expect(opened.page.get_by_role("main").get_by_role("button", name=of_actions)).to_have_count(0)

    for method, path, body in (
        ("POST", "/v1/funding", {"actor": actor, "amount": 1}),
        ("POST", "/v1/grants/g1/void", {"actor": actor}),
        ("POST", "/v1/refunds", {"actor": actor, "charge": CHARGE}),
        ("POST", "/v1/holds/h2/release", {"actor": actor}),
        ("PATCH", f"/v1/accounts/{actor}", {"status": "frozen"}),
        ("PUT", f"/v1/accounts/{actor}/limits", {"limits": []}),
        ("PUT", f"/v1/accounts/{actor}/allowance", {"amount": 1, "interval": "daily"}),
        ("DELETE", f"/v1/accounts/{actor}/allowance", None),
    ):
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "read-only"}
        answer = httpx.request(method, f"{laptop.base_url}{path}", json=body, headers=headers, timeout=60)
        assert (path, answer.status_code) == (path, HTTPStatus.FORBIDDEN)
    assert seq_of(client, actor) == before
