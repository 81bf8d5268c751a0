from tests.integration.conftest import log, modules, world

__all__ = ["log", "modules", "world"]
