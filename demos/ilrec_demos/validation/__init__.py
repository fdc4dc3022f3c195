"""Validating: everything that is damaged or inconsistent in a journal or an exported dataset, each with its place."""

from ilrec_demos.validation.findings import Finding, Report
from ilrec_demos.validation.validate import validate

__all__ = ["Finding", "Report", "validate"]
