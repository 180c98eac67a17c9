"""The rows of the table of causes, by what differs; nlblocks/parity/findings/causes.py is the table."""
