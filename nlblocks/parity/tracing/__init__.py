"""What a model does, as data: its operations, their tensors and the graph that they make."""
