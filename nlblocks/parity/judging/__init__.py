"""Whether two models agree: phase by phase, by noise floors, and what was not compared."""
