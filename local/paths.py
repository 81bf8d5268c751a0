"""The locations of files in a checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / ".tools"
REQUIREMENTS = ROOT / "requirements"
STATE = ROOT / ".millicent"
