"""How fast the blocks are, against the form that public code writes and against their own convolutions."""
