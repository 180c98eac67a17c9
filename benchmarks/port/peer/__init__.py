"""A peer's suite as the outside judge of the table: torch → PaConvert → Paddle → ``nlblocks port`` → torch."""
