"""What the comparison of two models needs of the framework: its tracer and its optimisers."""
