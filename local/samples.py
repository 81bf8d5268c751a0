"""The sample invocations in events/: one story of one account, in the order in which one builds on another.

python -m local.samples     prints them as events/README.md shows them
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from local.paths import ROOT

EVENTS: Final = ROOT / "events"

Answer: TypeAlias = Literal["created", "shown", "queue", "reconcile", "digest", "due", "boards", "swept"]
"""What a right answer is: `created` is 201, and 200 when the sample is sent again; `shown` is 200."""

STATUSES: Final[Mapping[Answer, frozenset[int]]] = {"created": frozenset({200, 201}), "shown": frozenset({200})}
ANSWERS: Final[Mapping[Answer, str]] = {
    "created": "201; sent again: 200",
    "shown": "200",
    "queue": "`batchItemFailures` is empty",
    "reconcile": "`findings` is empty",
    "digest": "the `number` of the digest",
    "due": "`failed` is empty",
    "boards": "`malformed` is empty",
    "swept": "the number of texts `deleted`",
}
MEMBERS: Final[Mapping[Answer, str]] = {
    "created": "statusCode",
    "shown": "statusCode",
    "queue": "batchItemFailures",
    "reconcile": "findings",
    "digest": "number",
    "due": "failed",
    "boards": "malformed",
    "swept": "deleted",
}
"""Of the answer: the one that says whether it is right."""


@dataclass(frozen=True)
class Sample:
    """`name` is the file's without .json; it begins with the function's. `builds_on` names samples that come before."""

    name: str
    does: str
    answer: Answer
    builds_on: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        return EVENTS / f"{self.name}.json"

    @property
    def function(self) -> str:
        """The logical id in the template."""
        return f"{self.name.split('-', maxsplit=1)[0].capitalize()}Function"

    def is_answered_by(self, answer: object) -> bool:
        """`answer` is what the function returned, as JSON values."""
        found = answer.get(MEMBERS[self.answer]) if isinstance(answer, Mapping) else None
        match self.answer:
            case "created" | "shown":
                return found in STATUSES[self.answer]
            case "digest" | "swept":
                return isinstance(found, int)
            case _:
                return found == []

    def in_short(self, answer: object) -> str:
        """For a line of a terminal: what of the answer says whether it is right, else all of it."""
        member = MEMBERS[self.answer]
        if not isinstance(answer, Mapping) or member not in answer:
            return json.dumps(answer)
        return str(answer[member]) if member == "statusCode" else f"{member}: {json.dumps(answer[member])}"


STORY: Final = (
    Sample("docs", "The page that describes the API", "shown"),
    Sample("docs-openapi", "The OpenAPI document", "shown"),
    Sample("console", "What a browser has to know to sign in", "shown"),
    Sample("accounts-health", "The service is there", "shown"),
    Sample("rates-put", "A price for a model of one's own", "created"),
    Sample("rates", "The price of a language model", "shown"),
    Sample("rates-adjustments", "What is charged beside the list price", "shown"),
    Sample("rates-adjustments-put", "A tenth more than the list price for one provider", "created"),
    Sample("rates-currencies", "The currencies that costs may be in", "shown"),
    Sample("rates-currencies-put", "What a euro is worth", "created"),
    Sample("rates-quote", "What usage of it would cost", "shown"),
    Sample("funding-update", "An invoice is paid: 1000 millicents, grant `g1`", "created"),
    Sample("holds", "400 millicents are set aside, hold `h2`", "created", ("funding-update",)),
    Sample("holds-extend", "The work takes longer", "created", ("holds",)),
    Sample("holds-capture", "The work cost 137.5", "created", ("holds-extend",)),
    Sample("holds-unused", "200 are set aside for other work, hold `h5`", "created", ("holds-capture",)),
    Sample("holds-release", "That work does not happen", "created", ("holds-unused",)),
    Sample("cost", "A cost of 42.125", "created", ("funding-update",)),
    Sample("cost-usage", "A cost in tokens, priced by the service", "created", ("funding-update",)),
    Sample("cost-overdraw", "A cost that may overdraw the account", "created", ("funding-update",)),
    Sample("cost-batch", "Two costs in one request", "shown", ("funding-update",)),
    Sample("cost-refund", "A part of the cost is given back", "created", ("cost",)),
    Sample("ingest", "A cost from the queue", "queue", ("funding-update",)),
    Sample("funding-grant", "50 millicents as a present that expire", "created"),
    Sample("check", "May the actor spend?", "shown", ("funding-update",)),
    Sample("accounts-account", "The account as it stands", "shown", ("funding-update",)),
    Sample("accounts-list", "All accounts whose names begin with `user:`", "shown", ("funding-update",)),
    Sample("history-operation", "What became of the invoice's key", "shown", ("funding-update",)),
    Sample("history-entries", "The latest charges", "shown", ("cost",)),
    Sample("history-statement", "All entries as CSV", "shown", ("cost",)),
    Sample("usage", "The queue tells that the cost is there to be counted", "queue", ("holds-release", "cost")),
    Sample("history-usage", "Spending by meter", "shown", ("cost",)),
    Sample("boards", "The sums of a day of the account were deleted: the tenant's follow what is left", "boards"),
    Sample("boards-backfill", "The sums of tenants are built from those of all accounts", "boards"),
    Sample("boards-sweep", "Texts that interrupted invocations left behind are deleted", "swept"),
    Sample("tenant-usage", "The actors that spent most this month", "shown"),
    Sample("history-audit", "The audit rows", "shown", ("cost",)),
    Sample("audit", "The queue delivers a check twice; one row is kept", "queue"),
    Sample("tenant-activity", "The latest charges of all accounts", "shown", ("cost",)),
    Sample("tenant-alerts", "What to look at in the tenant", "shown", ("funding-update",)),
    Sample("outbox", "Rows of the ledger that are no entries: nothing is published", "queue"),
    Sample("policies-limits", "At most 5000 a day", "shown", ("funding-update",)),
    Sample("policies-allowance", "10000 a month", "shown", ("funding-update",)),
    Sample("policies-allowance-end", "No allowance any more", "shown", ("policies-allowance",)),
    Sample("policies", "An overdraft limit, warnings, and a team that pays", "shown", ("funding-update",)),
    Sample("funding-void", "The invoice was charged back", "created", ("funding-update",)),
    Sample("due", "What is due is done", "due"),
    Sample("digest", "A signed digest of all accounts", "digest"),
    Sample("proof-digest", "The latest digest", "shown", ("digest",)),
    Sample("proof", "The proof that the account is in it", "shown", ("funding-update", "digest")),
    Sample("reconcile-account", "The account's record is verified", "reconcile", ("funding-update",)),
    Sample("reconcile", "All accounts are", "reconcile"),
)


def sample_of(file: Path) -> Sample:
    """The sample in this file. Raises ValueError for a file that is none."""
    for sample in STORY:
        if sample.file == file.resolve():
            return sample
    raise ValueError(f"{file} is no sample: events/README.md lists them")


def before(sample: Sample) -> list[Sample]:
    """All that a sample builds on, directly or not, in the order of the story."""
    needed = set(sample.builds_on)
    for each in reversed(STORY):
        if each.name in needed:
            needed |= set(each.builds_on)
    return [each for each in STORY if each.name in needed]


def table() -> str:
    """The story as Markdown."""
    rows = [
        f"| {number} | `{each.name}.json` | {each.function} | {each.does} | {_names(each.builds_on)} "
        f"| {ANSWERS[each.answer]} |"
        for number, each in enumerate(STORY, start=1)
    ]
    head = ["| | file | function | what happens | builds on | answer |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print(table())
