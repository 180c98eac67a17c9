"""Which parameter of one model is which of the other, and how weights move from one to the other."""
