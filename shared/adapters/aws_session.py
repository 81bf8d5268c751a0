"""The one session of botocore for all clients of a function."""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.session import Session


@lru_cache(maxsize=1)
def shared_session() -> "Session":
    """What a session reads from files and environment, and the credentials that it gets, it reads and gets once."""
    from botocore.session import get_session  # noqa: PLC0415 - it takes half of a cold start, where nobody needs it

    return get_session()
