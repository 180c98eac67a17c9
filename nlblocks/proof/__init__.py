"""Proof that the library's own blocks agree: the backends with each other and with the NumPy reference."""
