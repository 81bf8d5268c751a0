"""Examines a deployed stack, from outside as a caller and from inside as its operator."""

from millicent.doctor.examination import CHECKS, Examination, examine
from millicent.doctor.findings import Finding, Status

__all__ = ["CHECKS", "Examination", "Finding", "Status", "examine"]
