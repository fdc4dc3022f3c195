"""The benchmark's output: a results table, pictures, and one self-contained page."""

from ilrec_agents.benchmark.report.table import MARKS, ResultsTable, Row

__all__ = ["MARKS", "ResultsTable", "Row"]
