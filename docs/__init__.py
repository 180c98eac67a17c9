"""The guides, and the programs that make and check the pages about the code: in a checkout only, never installed."""
