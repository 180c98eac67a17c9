"""How far apart two arrays are, and how far rounding alone puts them. Knows no model."""
