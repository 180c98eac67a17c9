"""A report as people read it: terminal text, HTML, pictures."""
