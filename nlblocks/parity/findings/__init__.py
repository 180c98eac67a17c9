"""What can be said of two models: comparisons, findings, their causes, and the report as data."""
