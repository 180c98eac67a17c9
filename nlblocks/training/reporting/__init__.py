"""A study as people see it: bars and event files while it trains; tables, curves and a page once it has."""

from nlblocks.training.reporting import tables
from nlblocks.training.reporting.report import write_report
from nlblocks.training.reporting.results import Results
from nlblocks.training.reporting.watching import watching

__all__ = ["Results", "tables", "watching", "write_report"]
