"""What other stacks and programs find on the deployed stack: the name of the bus."""

from typing import Any

import pytest

from tests.e2e.laptop import Laptop

pytestmark = pytest.mark.e2e


def test_the_name_of_the_bus_is_exported_and_is_a_parameter(laptop: Laptop) -> None:
    name = laptop.stack.outputs["EventBusName"]
    cloudformation = laptop.aws.session.client("cloudformation", endpoint_url=laptop.aws.url)
    ssm: Any = laptop.aws.session.client("ssm", endpoint_url=laptop.aws.url)
    exports = {each["Name"]: each["Value"] for each in cloudformation.list_exports()["Exports"]}
    assert exports[f"{name}-event-bus-name"] == name
    assert ssm.get_parameter(Name=f"/{name}/event-bus-name")["Parameter"]["Value"] == name
