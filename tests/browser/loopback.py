"""A site of somebody else on this machine: an origin of its own."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from werkzeug.serving import make_server

Application: TypeAlias = Callable[[dict[str, Any], Any], Any]
"""Of WSGI."""


@contextmanager
def served(application: Application) -> Iterator[str]:
    """Its origin; it answers until the block ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
