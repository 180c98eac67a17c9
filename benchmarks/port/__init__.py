"""How many real Paddle models port, and what it takes: `make port`."""
