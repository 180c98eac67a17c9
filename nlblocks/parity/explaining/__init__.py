"""Why two runs part: the first operation that differs, and hypotheses tried on its tensors."""
