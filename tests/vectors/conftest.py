from tests.integration.conftest import modules, shared_world

__all__ = ["modules", "shared_world"]
