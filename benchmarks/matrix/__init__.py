"""What passes on each version that is claimed: every one in an environment of its own."""
