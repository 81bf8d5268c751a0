"""The list of accounts: names in the order of their bytes, in pages of any size; states as they are read alone."""

import string
from dataclasses import replace
from typing import Any, Final

import pytest

from in_memory.accounts import MemoryAccounts
from in_memory.ledger import MemoryLedger
from shared.adapters.dynamodb_accounts import KEYS_OF_A_BATCH, DynamoAccounts
from shared.adapters.dynamodb_ledger import DynamoLedger
from shared.adapters.items import BegunItem
from shared.ledger import ids
from shared.ledger.accounts import Account, Begun
from shared.ledger.operations import Charge, Configure, GrantCredits
from shared.ports.accounts import AccountList
from shared.ports.ledger import Ledger
from tests.builders import ALICE, NOW_MS, operation
from tests.database import PATIENT_MS, patient_connections

CHARACTERS: Final = sorted(each for each in string.printable if ids.is_id(each))
ODD: Final = [*CHARACTERS, *(f"a{each}" for each in CHARACTERS), *(each * ids.LONGEST for each in CHARACTERS)]
MANY: Final = [f"user:{number:03}" for number in range(250)]
TENANT: Final = ALICE.tenant


@pytest.fixture
def accounts(ledger: Ledger) -> AccountList:
    if isinstance(ledger, MemoryLedger):
        return MemoryAccounts(ledger)
    assert isinstance(ledger, DynamoLedger)
    with patient_connections():
        made = DynamoAccounts("contract-ledger", PATIENT_MS, host=ledger._table.whole.Meta.host)
    for model in (made._table.begun, made._table.whole):
        model._connection = ledger._table.whole._get_connection()
    return made


def begin(ledger: Ledger, actors: list[str], tenant: str = TENANT) -> None:
    """As if each had an entry, as far as the list is concerned."""
    named = [Account(tenant, actor) for actor in actors]
    if isinstance(ledger, MemoryLedger):
        ledger._begun.update(named)
        return
    assert isinstance(ledger, DynamoLedger)
    with ledger._table.begun.batch_write() as batch:
        for account in named:
            batch.save(BegunItem.of(account, Begun()))


def walked(accounts: AccountList, prefix: str = "", limit: int = 100, tenant: str = TENANT) -> list[str]:
    """All names; every page but the last is full."""
    found: list[str] = []
    page = accounts.names(tenant, prefix, None, limit)
    while page.next_after is not None:
        assert len(page.actors) == limit
        found += page.actors
        page = accounts.names(tenant, prefix, page.next_after, limit)
    return [*found, *page.actors]


def test_pages_of_any_size_are_the_whole_list_in_order_and_each_name_once(
    ledger: Ledger, accounts: AccountList
) -> None:
    begin(ledger, MANY)
    sizes = range(1, 101) if isinstance(ledger, MemoryLedger) else (10, 49, 50, 83, 99, 100)
    assert [limit for limit in sizes if walked(accounts, limit=limit) != MANY] == []
    assert [limit for limit in (1, 2, 5, 9, 10, 11) if walked(accounts, "user:24", limit) != MANY[240:]] == []


def test_every_character_of_a_name_can_be_looked_for_and_be_where_a_page_ends(
    ledger: Ledger, accounts: AccountList
) -> None:
    begin(ledger, ODD)
    everyone = sorted(ODD)
    assert walked(accounts) == everyone
    assert walked(accounts, "a", limit=1) == [each for each in everyone if each.startswith("a")]
    for character in CHARACTERS:
        assert walked(accounts, character) == [each for each in everyone if each.startswith(character)]
    assert walked(accounts, "}" * ids.LONGEST) == ["}" * ids.LONGEST]


def test_no_tenant_sees_the_accounts_of_another(ledger: Ledger, accounts: AccountList) -> None:
    begin(ledger, ["alice", "bob"])
    begin(ledger, ["carol"], TENANT + "1")
    begin(ledger, ["dave"], TENANT[:-1])
    assert [walked(accounts, tenant=each) for each in (TENANT, TENANT + "1", TENANT[:-1], "nobody")] == [
        ["alice", "bob"],
        ["carol"],
        ["dave"],
        [],
    ]


def test_states_are_those_that_the_ledger_reads_one_by_one(ledger: Ledger, accounts: AccountList) -> None:
    several = [replace(ALICE, actor=f"user:{number}") for number in range(3)]
    for number, account in enumerate(several):
        ledger.record(operation("fund", GrantCredits(100 + number), account=account), NOW_MS)
    ledger.record(operation("limit", Configure(status="frozen"), account=several[1]), NOW_MS + 1)
    ledger.record(operation("spend", Charge(1), account=several[2]), NOW_MS + 2)
    nobody = replace(ALICE, actor="nobody")
    found = accounts.states([*several, nobody, *(replace(nobody, actor=f"n{each}") for each in range(KEYS_OF_A_BATCH))])
    assert found == {account: ledger.state(account) for account in several}
    assert [found[each].updated_at_ms for each in several] == [NOW_MS, NOW_MS + 1, NOW_MS + 2]
    assert [found[each].is_frozen for each in several] == [False, True, False]
    assert accounts.states([]) == {}


def test_a_policy_that_changed_between_the_two_reads_is_read_again_with_its_state(
    ledger: Ledger, accounts: AccountList, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(ledger, MemoryLedger):
        pytest.skip("it reads both at once")
    assert isinstance(accounts, DynamoAccounts)
    ledger.record(operation("first", Configure(status="frozen")), NOW_MS)
    read = accounts._items

    def overtaken(asked: Any, sk: str) -> Any:
        found = read(asked, sk)
        if sk == "STATE":
            ledger.record(operation("second", Configure(status="open")), NOW_MS)
        return found

    monkeypatch.setattr(accounts, "_items", overtaken)
    assert accounts.states([ALICE]) == {ALICE: ledger.state(ALICE)}
