"""Lambda's snapshots (SnapStart): a process is copied after its imports, and each copy goes on by itself.

What a copy must not share with the others is made after the start, or given up at it:

* Connections: none is open when the snapshot is taken, since imports ask nothing. If one were, each copy gives it up.
* Credentials: none are read before a call. In a snapshotted function they come from a container role, which botocore
  asks when the first call needs them, and again before they expire.
* Randomness: ids, tokens and pauses come from the system. Python's own generator is banned in the service.
* Time: every request reads it. What is kept for some seconds is kept since a request, and there was none.
"""

from collections.abc import Callable

from shared.adapters.aws_environment import is_snapshotted


def in_every_copy(act: Callable[[], object]) -> None:
    """Has `act` called once in each copy of a snapshot, before its first request. Elsewhere it is never called."""
    if is_snapshotted():
        from snapshot_restore_py import register_after_restore  # noqa: PLC0415 - in Lambda's runtime alone

        register_after_restore(act)
