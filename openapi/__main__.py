"""python -m openapi: writes the document to where its function has it."""

from openapi.document import FILE, text

FILE.write_text(text())
