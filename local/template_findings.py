"""What checkov finds in the template, less what is excused in .checkov.toml.

    python -m local.template_findings

Checkov reads the template with its loops expanded, and reaches no network. Ends with 1 where a finding has no excuse,
or an excuse has no finding.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from local.expanded import template
from local.paths import ROOT, TOOLS

CHECKOV: Final = TOOLS / "checkov" / "bin" / "checkov"
EXCUSES: Final = ROOT / ".checkov.toml"
OFFLINE: Final = ("--skip-download", "--framework", "cloudformation", "--output", "json", "--quiet", "--compact")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """`resource` is a logical id."""

    check: str
    resource: str
    title: str

    def __str__(self) -> str:
        return f"{self.check} {self.resource}: {self.title}"


@dataclass(frozen=True, slots=True)
class Excuse:
    """Of one check, for the resources with these names, in which `*` is anything."""

    check: str
    resources: Sequence[str]
    reason: str

    def covers(self, finding: Finding) -> bool:
        return finding.check == self.check and any(fnmatchcase(finding.resource, each) for each in self.resources)


def excuses(text: str) -> list[Excuse]:
    return [Excuse(**each) for each in tomllib.loads(text)["excuse"]]


def problems(findings: Iterable[Finding], excused: Iterable[Excuse]) -> list[str]:
    """What is not excused, and each name of an excuse that no finding has."""
    found, given = sorted(findings), list(excused)
    unexcused = [str(finding) for finding in found if not any(excuse.covers(finding) for excuse in given)]
    alone = [Excuse(excuse.check, [name], excuse.reason) for excuse in given for name in excuse.resources]
    idle = [each for each in alone if not any(each.covers(finding) for finding in found)]
    return [*unexcused, *(f"{each.check} {each.resources[0]}: nothing is found that this excuses" for each in idle)]


def read_report(report: Mapping[str, Any]) -> list[Finding]:
    """Raises ValueError where checkov could not read the template, and so found nothing."""
    if report["summary"]["parsing_errors"] or not report["summary"]["resource_count"]:
        raise ValueError("checkov cannot read the template")
    failed = report["results"]["failed_checks"]
    return [Finding(each["check_id"], each["resource"].rpartition(".")[2], each["check_name"]) for each in failed]


def run_checkov() -> list[Finding]:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "template.json"
        file.write_text(json.dumps({**template(), "Transform": "AWS::Serverless-2016-10-31"}, indent=1))
        printed = subprocess.run(
            [str(CHECKOV), "--file", str(file), *OFFLINE],
            env={**os.environ, "LOG_LEVEL": "ERROR"},
            stdout=subprocess.PIPE,
            check=False,  # it ends with 1 where it finds anything
            text=True,
        ).stdout
    return read_report(json.loads(printed))


def main() -> int:
    findings = run_checkov()
    left = problems(findings, excuses(EXCUSES.read_text()))
    for each in left:
        sys.stdout.write(f"{each}\n")
    sys.stdout.write(f"checkov: {len(findings)} findings, {len(left)} without an excuse\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
