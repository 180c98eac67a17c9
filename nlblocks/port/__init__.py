"""Paddle source in, readable torch source, weights and proof out."""
