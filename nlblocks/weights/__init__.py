"""Weights: canonical state, transfer, checkpoint files, conversion by meaning, public codebases' dialects."""
