"""The interpreter of a page: runs blocks of Python that come as lines of JSON, one after another in one module.

Started as a program, with the page's path; each answer says what a block printed, and what it raised at which line.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import traceback
import types


def main(page: str) -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what is printed past sys.stdout is no answer
    sys.path[0] = os.getcwd()  # as in an interpreter that a reader starts there
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    for line in sys.stdin:
        printed = io.StringIO()
        raised, at = None, None
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(json.loads(line)["source"], page, "exec"), module.__dict__)
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: the page goes on, and says so
            raised = "".join(traceback.format_exception_only(error))
            raised = raised.strip().splitlines()[-1] if isinstance(error, SyntaxError) else raised.strip()
            at = error.lineno if isinstance(error, SyntaxError) else None
            for frame in traceback.extract_tb(error.__traceback__):
                at = frame.lineno if frame.filename == page else at
        print(json.dumps({"printed": printed.getvalue(), "raised": raised, "line": at}), file=answers, flush=True)


main(sys.argv[1])
