"""What users of the client rely on besides its calls: where its names are, and limits that are the service's."""

import pickle
from typing import Any, get_args

import msgspec
import pytest

import millicent
from functions.cost import schema
from millicent import calls, client, models, record_calls, wire
from millicent.wire import BatchCharge, SpendingLimit
from shared.edge import validation
from shared.ledger import grants, operations, policies, usage
from shared.usecases.list_tenant_usage import TenantGrouping

STRUCTS = [each for each in vars(models).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)]


def test_every_answer_is_named_after_the_module_from_which_it_is_imported() -> None:
    assert len(STRUCTS) > 40
    assert {each.__module__ for each in STRUCTS} == {"millicent.models"}
    assert {each.__name__ for each in STRUCTS} <= set(models.__all__)


@pytest.mark.parametrize(
    ("value", "module"),
    [
        (models.Health(status="ok"), "millicent.models"),
        (BatchCharge(actor="user:a", cost="1.5", key="k"), "millicent.client"),
        (SpendingLimit(amount=1, window="day"), "millicent.client"),
    ],
)
def test_a_pickle_is_read_by_other_releases_too(value: Any, module: str) -> None:
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - of our own making
    assert type(value).__module__ == module


def test_the_package_shows_what_its_modules_show() -> None:
    shown = {name: getattr(millicent, name) for name in millicent.__all__}
    assert {name for name, each in shown.items() if getattr(models, name, each) is not each} == set()
    assert {name for name, each in shown.items() if getattr(client, name, each) is not each} == set()


def test_the_client_splits_at_the_limits_of_the_service() -> None:
    assert schema.MAX_CHARGES == client.MAX_BATCH
    assert client.MAX_BATCH_BYTES + len('{"charges":[]}') == schema.MAX_BATCH_BYTES
    assert (calls.MAX_PAGE, record_calls.MAX_LINES) == (validation.MAX_PAGE, validation.MAX_LINES)


@pytest.mark.parametrize(
    ("of_client", "of_service"),
    [
        (wire.IfInsufficient, operations.IfInsufficient),
        (wire.Overrun, operations.Overrun),
        (wire.IfExpired, operations.IfExpired),
        (wire.Category, grants.Category),
        (wire.Grouping, usage.Grouping),
        (wire.TenantGrouping, TenantGrouping),
        (wire.Status, policies.Status),
        (wire.Window, policies.Window),
        (wire.Interval, policies.Interval),
    ],
)
def test_the_client_knows_every_value_of_the_service_and_no_others(of_client: Any, of_service: Any) -> None:
    assert set(get_args(of_client)) == set(get_args(of_service)) != set()
