"""The accounts of a tenant: their names from the index `accounts`, their states by batched strong reads.

The index spreads a tenant's accounts over a few lists, so that many accounts can begin at once. Each list is in the
order of the names, so a page of all accounts is a merge of a page of each.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from shared.adapters.dynamodb_answers import FAILURES, TRANSACTION_CANCELED, error_code
from shared.adapters.items import PolicyItem, StateItem, ledger_table
from shared.adapters.keys import (
    BEGUN_SK,
    LISTS_OF_A_TENANT,
    POLICY_SK,
    STATE_SK,
    account_of,
    account_pk,
    account_pks,
    lists_of,
)
from shared.adapters.pynamo import AttributeDeserializationError
from shared.adapters.repeatable import RepeatableTable
from shared.ledger.accounts import Account, AccountState
from shared.ledger.protocol import Busy
from shared.ports.accounts import Names

KEYS_OF_A_BATCH: Final = 100
"""The most that DynamoDB reads by one BatchGetItem."""

_UNREADABLE: Final = (ValueError, KeyError, TypeError, AttributeError, AttributeDeserializationError)
_Raw = dict[str, Any]


class DynamoAccounts(RepeatableTable):
    """Implements ports.AccountList. After the deadline it raises as the ledger does."""

    def _open(self) -> None:
        self._name = self._place[0]
        self._table = ledger_table(*self._place)

    def names(self, tenant: str, prefix: str, after: str | None, limit: int) -> Names:
        """What a list has beyond its page comes after the last name of that page, so names after it must wait."""
        between = account_pks(tenant, prefix, after)
        with ThreadPoolExecutor(LISTS_OF_A_TENANT) as threads:
            pages = list(threads.map(lambda each: self._page(each, between, limit), lists_of(tenant)))
        unfinished = [page["Items"][-1]["pk"]["S"] for page in pages if "LastEvaluatedKey" in page]
        last_known = min(unfinished, default=None)
        marks = {item["pk"]["S"] for page in pages for item in page["Items"] if item["sk"]["S"] == BEGUN_SK}
        known = sorted(pk for pk in marks if last_known is None or pk <= last_known)
        last = known[limit - 1] if len(known) > limit else last_known
        actors = tuple(account.actor for pk in known[:limit] if (account := account_of(pk)) is not None)
        return Names(actors, None if last is None else last.removeprefix(account_pk(Account(tenant, ""))))

    def states(self, accounts: Sequence[Account]) -> Mapping[Account, AccountState]:
        """Without those that cannot be read."""
        batches = (accounts[start : start + KEYS_OF_A_BATCH] for start in range(0, len(accounts), KEYS_OF_A_BATCH))
        return {account: state for batch in batches for account, state in self._states(batch).items()}

    def _page(self, listed_in: str, between: tuple[str, str], limit: int) -> _Raw:
        begun = self._table.begun

        def ask() -> _Raw:
            found = begun.accounts.query(listed_in, range_key_condition=begun.pk.between(*between), page_size=limit + 1)
            page: _Raw = next(found.page_iter)
            return page

        return self._until_deadline(ask)

    def _states(self, batch: Sequence[Account]) -> dict[Account, AccountState]:
        items = self._items(batch, STATE_SK)
        states = {account: state for account in batch if (state := _state(account, items.get(account_pk(account))))}
        policies = self._items([account for account, state in states.items() if state.policy_seq], POLICY_SK)
        found = {account: _whole(state, policies.get(account_pk(account))) for account, state in states.items()}
        # A policy that has changed between the two reads is read again together with its state.
        again = {account: self._at_once(account) for account, state in found.items() if state is None}
        return {account: state for account, state in (found | again).items() if state is not None}

    def _items(self, accounts: Sequence[Account], sk: str) -> Mapping[str, _Raw]:
        """By their pk."""
        keys: Any = [{"pk": account_pk(each), "sk": sk} for each in accounts]

        def ask() -> _Raw | Busy:
            answer: _Raw = self._table.connection.batch_get_item(self._name, keys, consistent_read=True)
            return Busy(throttled=True) if answer.get("UnprocessedKeys") else answer

        answer = self._until_deadline(ask) if keys else {"Responses": {self._name: ()}}
        return {item["pk"]["S"]: item for item in answer["Responses"][self._name]}

    def _at_once(self, account: Account) -> AccountState | None:
        keys = ({"pk": {"S": account_pk(account)}, "sk": {"S": sk}} for sk in (STATE_SK, POLICY_SK))
        gets = [{"TableName": self._name, "Key": key} for key in keys]

        answer = self._until_deadline(lambda: _at_once(lambda: self._table.connection.transact_get_items(gets)))
        stored, policy = (each.get("Item") for each in answer["Responses"])
        state = _state(account, stored)
        return state and _whole(state, policy)


def _at_once(ask: Callable[[], _Raw]) -> _Raw | Busy:
    try:
        return ask()
    except FAILURES as failure:
        if error_code(failure) != TRANSACTION_CANCELED:
            raise
        # A transaction that only reads is canceled by one that writes, or for want of capacity.
        return Busy(cause=failure)


def _state(account: Account, stored: _Raw | None) -> AccountState | None:
    """Without its policy. None also for a state that cannot be read."""
    try:
        return StateItem.from_raw_data(stored).state_of(account) if stored else None
    except _UNREADABLE:
        return None


def _whole(state: AccountState, stored: _Raw | None) -> AccountState | None:
    """The state with its policy; None if this is not the policy that belongs to it."""
    try:
        found = replace(state, policy=PolicyItem.from_raw_data(stored).value) if stored else state
    except _UNREADABLE:
        return None
    return found if found.has_its_policy else None
