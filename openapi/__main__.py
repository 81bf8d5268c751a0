"""python -m openapi: writes the documents to where their function has them, and the schemas of events to docs."""

from openapi import events
from openapi.document import FILE, text

events.SCHEMAS.mkdir(exist_ok=True)
for file, content in {FILE: text(), **events.files()}.items():
    file.write_text(content)
