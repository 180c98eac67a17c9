"""``python -m nlblocks`` is ``nlblocks``."""

from nlblocks.cli import main

if __name__ == "__main__":
    main()
