"""How a framework's run becomes a trace: what a tracer is, and what it is asked to record."""
