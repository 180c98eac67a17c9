"""numtape behind the parity lab."""
