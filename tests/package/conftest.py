from pathlib import Path

import pytest

from local.build import built
from tests.package.artefacts import Artefacts, build


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    """One build for all of these tests: it takes several seconds."""
    return build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="session")
def laptop_build() -> Path:
    return built()
