"""The types that several answers have in common."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec

Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its offset."""
Verified: TypeAlias = Literal["pending"] | bool
