"""The emulator with what we add to it: `python local/emulated STATE`, on the interpreter of `.tools/cloud`.

STATE is there for whoever lists processes; the emulator's settings are in its environment.
"""

import sys
from importlib.metadata import version
from pathlib import Path

# Not by PYTHONPATH: the functions would inherit that, and run the checkout in the place of their packages.
sys.path[0] = str(Path(__file__).resolve().parents[2])

from ministack import app
from ministack.core import lambda_runtime, persistence
from ministack.services import apigateway, cloudformation, dynamodb, sqs

from local.emulated import cors
from local.emulated.failing import ends_where_nothing_is_saved
from local.emulated.journal import Journal
from local.emulated.kept_resources import KeptResources
from local.emulated.queues import DurableQueues
from local.emulated.requests import SavingApplication
from local.emulated.saved_state import SavedState
from local.emulated.seams import require, require_version
from local.emulated.shared_layers import archives_unpacked_once
from local.emulated.tables import DurableTables
from local.emulated.trailing_slash import kept_and_ignored


def install() -> None:
    """Raises SeamMovedError."""
    require_version(version("ministack"))
    require(app, "_parse_execute_api_url", "app", "main")
    require(apigateway, "_match_route", *cors.SEAMS)
    require(lambda_runtime, "zipfile", "Worker")
    place = Path(persistence.STATE_DIR)
    with ends_where_nothing_is_saved(place):
        journal = Journal(place / "journal.sqlite")
    saved = SavedState(app, persistence, place)
    tables = DurableTables(dynamodb, journal, lambda: saved.save("dynamodb", dynamodb.get_state), place)
    queues = DurableQueues(sqs, journal, lambda: saved.save("sqs", sqs.get_state), place)
    for addition in (saved, tables, queues, KeptResources(cloudformation, dynamodb, sqs)):
        addition.install()
    lambda_runtime.zipfile = archives_unpacked_once()
    kept_and_ignored(app, apigateway)
    cors.found_again(apigateway)
    app.app = SavingApplication(app.app, saved, queues)


if __name__ == "__main__":
    install()
    sys.argv = ["ministack"]
    app.main()
