"""Training runs as specs: one recipe, native loops in every framework, in lockstep where that is asked for."""
