"""``python -m nlblocks`` is ``nlblocks``; before it imports anything, Ctrl-C is one line."""

import sys

from nlblocks import interrupts


def run() -> None:
    """The program: the command line, from its first import on."""
    interrupts.listen()
    try:
        from nlblocks.cli import main

        main()
    except BaseException as error:  # a SystemExit, by which every program ends, or Ctrl-C during the import above
        if not interrupts.asked():
            raise
        if not isinstance(error, SystemExit):
            print(interrupts.LINE, file=sys.stderr)
        interrupts.leave()
    finally:
        interrupts.finish()


if __name__ == "__main__":
    run()
