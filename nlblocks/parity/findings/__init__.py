"""What can be said of two models: comparisons, findings, their causes, and the report as data."""

from nlblocks.parity.findings.causes import CAUSES
from nlblocks.parity.findings.finding import Finding, Phase
from nlblocks.parity.findings.report import ReportData

__all__ = ["CAUSES", "Finding", "Phase", "ReportData"]
