"""The streams of the command line: what their encoding lacks is spelled in ASCII, and what is closed is nowhere."""

from __future__ import annotations

import codecs
import io
import os
import sys
import unicodedata
from contextlib import suppress
from typing import TextIO

SPELLINGS = {
    "✓": "v", "✗": "x", "×": "x", "→": "->", "←": "<-", "·": "*", "÷": "/", "±": "+-", "−": "-", "–": "-", "—": "-",
    "≤": "<=", "≥": ">=", "≠": "!=", "∞": "inf", "√": "sqrt ", "‖": "||", "⌈": "ceil(", "⌉": ")", "⌊": "floor(",
    "⌋": ")", "⊗": "(x)", "⊙": "(.)", "∑": "sum", "●": "*", "○": "o", "•": "*", "■": "#", "█": "#",
    "⟨": "<", "⟩": ">", "\u0304": "-bar",
    "“": '"', "”": '"', "‘": "'", "’": "'", "│": "|", "║": "|", "━": "-", "─": "-", "═": "-", "╸": "-", "╺": "-",
}  # fmt: skip
"""What a symbol is written as where it cannot be printed. Greek letters have names, and much falls apart by itself."""
ERRORS = "nlblocks.spelled"
"""The name of the way to encode."""
PLAIN = "nlblocks-ascii"
"""ASCII by another name: click holds a stream of that encoding for a mistake, and would write UTF-8 to it."""


def prepare() -> None:
    """Let both streams print anything. What is closed becomes nowhere, so that no file that is opened gets its number.

    A stream that is none of Python's own, such as a notebook's, is left as it is.
    """
    codecs.register_error(ERRORS, _spelled)
    codecs.register(_plain)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _nowhere(number)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=PLAIN if ascii_only else None, errors=ERRORS)


def spelled(text: str) -> str:
    """A text in ASCII: symbols by what they look like, Greek letters by name, others by their numbers."""
    return "".join(SPELLINGS.get(letter) or _by_name(letter) for letter in text)


def silence() -> None:
    """Whatever is printed from here on goes nowhere: what could not be printed is not tried again at the end."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            if failure(stream) is not None:
                _nowhere(stream.fileno())


def failure(stream: TextIO | None) -> OSError | None:
    """Why what was printed does not get out; None where it does."""
    try:
        if stream is not None:
            stream.flush()
    except OSError as error:
        return error
    except ValueError:  # it was closed by somebody
        pass
    return None


def _nowhere(number: int) -> None:
    with suppress(OSError):
        found = os.open(os.devnull, os.O_RDWR)
        if found != number:
            os.dup2(found, number)
            os.close(found)


def _by_name(letter: str) -> str:
    if letter.isascii():
        return letter
    if "\udc80" <= letter <= "\udcff":  # a byte of a file's name that is no letter of the system's encoding
        return f"\\x{ord(letter) - 0xDC00:02x}"
    if "\u2800" <= letter <= "\u28ff":  # the dots of a spinner
        return "."
    words = unicodedata.name(letter, "").split()
    if words[:1] == ["GREEK"] and words[2:3] == ["LETTER"] and len(words) == 4:
        return words[3].lower() if words[1] == "SMALL" else words[3].capitalize()
    parts = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return parts or letter.encode("ascii", "backslashreplace").decode()


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return spelled(error.object[error.start : error.end]), error.end


def _plain(name: str) -> codecs.CodecInfo | None:
    if name.replace("_", "-") != PLAIN:
        return None
    ascii_ = codecs.lookup("ascii")
    return codecs.CodecInfo(
        ascii_.encode, ascii_.decode, ascii_.streamreader, ascii_.streamwriter, ascii_.incrementalencoder,
        ascii_.incrementaldecoder, name=PLAIN,
    )  # fmt: skip
