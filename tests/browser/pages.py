"""All pages of the console."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Place:
    """`name` is that of its pictures."""

    name: str
    address: str
    title: str


PAGES: Final = (
    Place("overview", "/", "Overview"),
    Place("accounts", "/accounts", "Accounts"),
    Place("account", "/accounts/user:alice", "user:alice"),
    Place("rates", "/rates", "Rates"),
    Place("rate-card", "/rates/card?meter=llm&model=gpt-4o", "llm / gpt-4o"),
    Place("live", "/live", "Live"),
    Place("health", "/health", "Health"),
)
