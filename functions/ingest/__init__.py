"""The ingest queue: asynchronous charges."""
