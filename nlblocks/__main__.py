"""``python -m nlblocks`` is ``nlblocks``; before it imports anything, Ctrl-C is one line."""

import sys

from nlblocks import interrupts
from nlblocks.statuses import Status


def run() -> None:
    """The program: the command line, from its first import on."""
    interrupts.listen()
    try:
        from nlblocks.cli import main

        main()
    except BaseException:  # a SystemExit, by which every program ends, or Ctrl-C while the command line is imported
        if not interrupts.asked():
            raise
        if not isinstance(sys.exception(), SystemExit):
            print(interrupts.LINE, file=sys.stderr)
        raise SystemExit(Status.STOPPED) from None
    finally:
        interrupts.finish()


if __name__ == "__main__":
    run()
