"""A third framework's backend, as a stranger would write one: so far what the lab needs of it."""

framework = "numtape"
