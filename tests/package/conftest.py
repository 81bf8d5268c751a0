import shutil
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


@pytest.fixture(scope="session")
def layer_elsewhere(artefacts: Artefacts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the layer, for functions to import from. It is of thousands of files, and no test writes to it."""
    return shutil.copytree(artefacts.layer, tmp_path_factory.mktemp("opt") / "python")
