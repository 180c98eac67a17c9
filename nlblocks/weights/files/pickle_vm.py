"""A pickle reader that executes nothing.

It walks the opcodes itself, without Python's ``pickle``: a global is looked up in a table of inert constructors and
imported never. An object of a class outside the table becomes a placeholder; what could do harm is refused by name.
Long byte strings are kept as places in the file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nlblocks.errors import InputError
from nlblocks.weights.files.inert import Built, Kept, Name, Placeholder, forbidden
from nlblocks.weights.files.limits import MAX_KEY, MAX_OBJECTS, MAX_OPERATIONS, MAX_TEXT
from nlblocks.weights.files.tensors import Mapped


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes [start, stop) of the file. ``text``: they are the UTF-8 of a string."""

    start: int
    stop: int
    text: bool = False


Constructor = Callable[[tuple[Any, ...]], Any]
_MARK = object()
_FIXED = {b"K": "<B", b"M": "<H", b"J": "<i", b"G": ">d"}
_LENGTHS = {b"C": "<B", b"B": "<I", b"\x8e": "<Q", b"\x96": "<Q"}  # bytes
_TEXTS = {b"\x8c": "<B", b"X": "<I", b"\x8d": "<Q"}
_LATIN = {b"U": "<B", b"T": "<i"}
_CONSTANTS: dict[bytes, Any] = {b"N": None, b"\x88": True, b"\x89": False, b")": ()}
_EMPTY: dict[bytes, type] = {b"}": dict, b"]": list, b"\x8f": list}
_TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}
_OLDER = ("copyreg._reconstructor", "copy_reg._reconstructor")
"""What protocols 0 and 1 make an object by: of its class, what that derives from, and the value of that."""
_PUTS, _GETS = {b"q": "<B", b"r": "<I"}, {b"h": "<B", b"j": "<I"}
_REFUSED = {
    b"\x82": "a copyreg extension code", b"\x83": "a copyreg extension code", b"\x84": "a copyreg extension code",
    b"P": "a textual persistent id", b"\x97": "an out-of-band buffer", b"\x98": "an out-of-band buffer",
}  # fmt: skip


class Unpickler:
    """One pickle in [position, end) of a mapped file. ``position`` is after it once :meth:`load` has returned."""

    def __init__(
        self,
        file: Mapped,
        position: int,
        end: int,
        constructors: Mapping[str, Constructor | None],
        persistent: Callable[[Any], Any] | None = None,
    ) -> None:
        self._file, self.position, self._end = file, position, end
        self._constructors, self._persistent = constructors, persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._objects = 0

    def load(self) -> Any:
        """The value of the pickle: plain containers, numbers, strings, Spans and what the constructors made."""
        try:
            for _ in range(MAX_OPERATIONS):
                code = self._take(1)
                if code == b".":
                    return self._pop()
                self._step(code)
        except (IndexError, KeyError):
            raise self._damaged("takes from an empty stack or memo") from None
        except UnicodeDecodeError:
            raise self._damaged("has text that is not UTF-8") from None
        raise self._damaged(f"has more than {MAX_OPERATIONS} operations")

    def _step(self, code: bytes) -> None:
        push = self._stack.append
        if code in _GETS:
            push(self._memo[self._number(_GETS[code])])
        elif code in _PUTS:
            self._memo[self._number(_PUTS[code])] = self._top()
        elif code == b"\x94":
            self._memo[len(self._memo)] = self._top()
        elif code in _TEXTS:
            push(self._text(_TEXTS[code]))
        elif code in _FIXED:
            push(self._number(_FIXED[code]))
        elif code in _CONSTANTS:
            push(_CONSTANTS[code])
        elif code == b"(":
            push(_MARK)
        elif code in _TUPLES:
            count = _TUPLES[code]
            push(tuple(reversed([self._pop() for _ in range(count)])))
        elif code == b"t":
            push(tuple(self._since_mark()))
        elif code in _EMPTY:
            push(_EMPTY[code]())
        elif code == b"R":
            arguments, function = self._pop(), self._pop()
            push(self._construct(function, arguments))
        elif code in _LENGTHS:
            push(self._span(_LENGTHS[code]))
        elif code == b"Q":
            push(self._persist(self._pop()))
        elif code == b"c":
            push(self._global(self._line(), self._line()))
        elif code == b"\x93":
            attribute, module = self._pop(), self._pop()
            push(self._global(module, attribute))
        elif code in (b"s", b"u"):
            items = [self._pop(), self._pop()][::-1] if code == b"s" else self._since_mark()
            self._set_items(items)
        elif code in (b"a", b"e", b"\x90"):
            items = [self._pop()] if code == b"a" else self._since_mark()
            target = _entries(self._top(), list)
            if not isinstance(target, list):
                raise self._damaged("appends to something that is not a list")
            target.extend(items)
        elif code == b"b":
            self._build(self._pop())
        else:
            self._rare(code)

    def _rare(self, code: bytes) -> None:
        push = self._stack.append
        if code == b"\x80":
            if self._number("<B") > 5:
                raise self._damaged("has a protocol above 5")
        elif code == b"\x95":
            self._number("<Q")  # a frame is a hint for buffered readers
        elif code in (b"\x8a", b"\x8b"):
            length = self._number("<B" if code == b"\x8a" else "<I")
            if length > 255:
                raise self._damaged("has an integer of more than 255 bytes")
            push(int.from_bytes(self._take(length), "little", signed=True))
        elif code in _LATIN:
            push(self._text(_LATIN[code], "latin-1"))
        elif code == b"0":
            self._pop()
        elif code == b"1":
            self._since_mark()
        elif code == b"2":
            push(self._top())
        elif code in (b"l", b"\x91"):
            push(self._since_mark())
        elif code == b"d":
            items = self._since_mark()
            push({})
            self._set_items(items)
        elif code == b"\x81":
            arguments, function = self._pop(), self._pop()
            push(self._construct(function, arguments))
        elif code == b"\x92":
            keywords, arguments, function = self._pop(), self._pop(), self._pop()
            push(self._construct(function, arguments, keywords))
        elif code == b"i":
            name = self._global(self._line(), self._line())
            push(self._construct(name, tuple(self._since_mark())))
        elif code == b"o":
            items = self._since_mark()
            push(self._construct(items[0], tuple(items[1:])))
        elif code in (b"p", b"g"):
            index = self._decimal()
            if not 0 <= index < MAX_OPERATIONS:
                raise self._damaged("has an impossible place in its memo")
            if code == b"p":
                self._memo[index] = self._top()
            else:
                push(self._memo[index])
        elif code in (b"I", b"L"):
            line = self._line()
            push(line == "01" if line in ("00", "01") and code == b"I" else self._decimal(line.removesuffix("L")))
        elif code == b"V":
            push(self._line("raw_unicode_escape"))
        elif code == b"F":
            push(self._float(self._line()))
        else:
            raise self._damaged(f"asks for {_REFUSED.get(code, f'opcode 0x{code[0]:02x}')}, which is refused")

    def _take(self, count: int) -> bytes:
        start, stop = self.position, self.position + count
        if stop > self._end:
            raise InputError(f"{self._file.path}: the file is truncated: a pickle goes on past its end")
        self.position = stop
        return bytes(self._file.bytes[start:stop])

    def _number(self, layout: str) -> Any:
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _span(self, layout: str, text: bool = False) -> Span:
        length = self._number(layout)
        start, stop = self.position, self.position + length
        if length < 0 or stop > self._end:
            raise InputError(f"{self._file.path}: the file is truncated: a pickle goes on past its end")
        self.position = stop
        return Span(start, stop, text)

    def _text(self, layout: str, encoding: str = "utf-8") -> str | Span:
        span = self._span(layout, text=True)
        if span.stop - span.start > MAX_TEXT:
            return Span(span.start, span.stop, text=encoding == "utf-8")
        return str(self._file.bytes[span.start : span.stop], encoding)

    def _line(self, encoding: str = "utf-8") -> str:
        for length in (128, MAX_TEXT):
            line = bytes(self._file.bytes[self.position : min(self._end, self.position + length)])
            stop = line.find(b"\n")
            if stop >= 0:
                self.position += stop + 1
                return line[:stop].decode(encoding)
        raise self._damaged("has a line without an end")

    def _float(self, line: str) -> float:
        try:
            return float(line[:64])
        except ValueError:
            raise self._damaged("has a number that is not one") from None

    def _decimal(self, line: str | None = None) -> int:
        line = self._line() if line is None else line
        digits = line.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 40):
            raise self._damaged("has a number that is not one")
        return int(line)

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise self._damaged("takes from an empty stack or memo")
        return value

    def _top(self) -> Any:
        value = self._stack[-1]
        if value is _MARK:
            raise self._damaged("takes from an empty stack or memo")
        return value

    def _since_mark(self) -> list[Any]:
        items = []
        while (value := self._stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]

    def _set_items(self, items: list[Any]) -> None:
        target = _entries(self._top(), dict)
        if not isinstance(target, dict) or len(items) % 2:
            raise self._damaged("sets items of something that is not a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not is_key(key):
                kind = "huge number" if isinstance(key, int) else type(key).__name__
                raise self._damaged(f"has a {kind} as a dict key")
            if key in target:
                raise self._damaged(f"has the key {shown(str(key))} twice in one dict")
            target[key] = value

    def _global(self, module: Any, attribute: Any) -> Name:
        if not (isinstance(module, str) and isinstance(attribute, str)):
            raise self._damaged("names a global with something that is not text")
        name = f"{module}.{attribute}"
        why = "" if name in self._constructors else forbidden(module, attribute)
        if why:
            raise InputError(f"{self._file.path}: the pickle wants {shown(name)}, {why}; nothing was executed")
        return Name(name)

    def _construct(self, function: Any, arguments: Any, keywords: Any = None) -> Any:
        if not isinstance(function, Name | Placeholder) or not isinstance(arguments, tuple):
            raise self._damaged("calls something that is not a constructor")
        if isinstance(function, Placeholder) or function.name not in self._constructors:
            return self._placeholder(function, arguments)
        constructor = self._constructors[function.name]
        if constructor is None:
            raise self._damaged(f"calls {function.name}, which is a name here and no constructor")
        if keywords:
            raise self._damaged("calls a constructor with keywords")
        return constructor(arguments)

    def _placeholder(self, function: Name | Placeholder, arguments: tuple[Any, ...]) -> Placeholder:
        self._objects += 1
        if self._objects > MAX_OBJECTS:
            raise self._damaged(f"has more than {MAX_OBJECTS} objects of classes that are not known")
        made = Placeholder(function.name if isinstance(function, Name) else function.unread, arguments)
        if made.unread in _OLDER and len(arguments) == 3 and isinstance(arguments[0], Name):
            made.unread, made.entries = (
                arguments[0].name,
                arguments[2] if isinstance(arguments[2], dict | list) else None,
            )
        return made

    def _persist(self, key: Any) -> Any:
        if self._persistent is None:
            raise self._damaged("has a persistent id where none belongs")
        return self._persistent(key)

    def _build(self, state: Any) -> None:
        target = self._top()
        if isinstance(target, Built):
            target.build(state)
        elif not (isinstance(target, dict) and isinstance(state, dict)):  # an OrderedDict's attributes are dropped
            raise self._damaged(f"gives a state to a {type(target).__name__}")

    def _damaged(self, what: str) -> InputError:
        return InputError(f"{self._file.path}: the pickle {what} (near byte {self.position}); the file is refused")


def is_key(value: Any) -> bool:
    """Whether a value may be a dict key.

    Of huge integers endlessly many have one hash, which takes forever; a tuple in tuples may be too deep to hash.
    """
    if isinstance(value, tuple):
        return len(value) <= MAX_KEY and not any(isinstance(item, tuple) for item in value) and all(map(is_key, value))
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 63
    return isinstance(value, str | float | None | Name | Kept)


def _entries(target: Any, kind: type) -> Any:
    """What items are put into: a container, or that of an object whose class derives from one."""
    if not isinstance(target, Placeholder):
        return target
    if target.entries is None:
        target.entries = kind()
    return target.entries


def shown(name: str) -> str:
    """A name from a file, safe to print on one line."""
    name = name if len(name) <= 100 else name[:100] + "…"
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in name)
