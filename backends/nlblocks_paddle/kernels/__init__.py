"""Fast exact products: what the blocks' formulas compute, without the attention map."""
