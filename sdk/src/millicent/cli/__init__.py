"""The command line.

Exit codes: 0 done, 1 refused by the ledger or a problem was found, 2 bad usage, invalid content or an answer that
cannot be written, 3 outcome unknown or service unavailable, 4 not signed in or not permitted, 5 not found, 130
interrupted.
"""

from millicent.cli.commands import main

__all__ = ["main"]
