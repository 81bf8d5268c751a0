"""The one session of botocore for all clients of a function."""

from functools import lru_cache

from botocore.session import Session, get_session


@lru_cache(maxsize=1)
def shared_session() -> Session:
    """What a session reads from files and environment, and the credentials that it gets, it reads and gets once."""
    return get_session()
