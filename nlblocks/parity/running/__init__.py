"""One model, run: its inputs, seeds, optimisers and histories."""
