from tests.integration.conftest import modules

__all__ = ["modules"]
