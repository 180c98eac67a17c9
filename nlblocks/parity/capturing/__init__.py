"""Runs as files: recorded where the framework is, compared where none is."""
