"""What a model is run on: arrays from the command line, nested as the model takes them, and flat for the lab."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from nlblocks.blame import said
from nlblocks.errors import InputError
from nlblocks.init import generator


@dataclass(frozen=True, slots=True)
class Inputs:
    """Arguments of one call: positional and by keyword, whose leaves are arrays."""

    args: Sequence[Any]
    kwargs: Mapping[str, Any]

    @classmethod
    def of(cls, given: Sequence[str], seed: int) -> Inputs:
        """From shapes, .npz files, or the MODULE:FUNCTION that makes them. Raises InputError."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for index, text in enumerate(given):
            if ":" in text and not text.endswith((".npz", ".npy")):
                made = cls._made(text)
                args += made.args
                kwargs |= made.kwargs
            elif text.endswith((".npz", ".npy")):
                named = _arrays(text)
                if all(name.startswith("arr_") for name in named):
                    args += named.values()
                else:
                    kwargs |= named
            else:
                shape = tuple(int(n) for n in text.split(","))
                args.append(generator(seed + index, "lab:input").normal(size=shape).astype(np.float32))
        return cls(args, kwargs)

    @classmethod
    def _made(cls, text: str) -> Inputs:
        module, _, name = text.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)()
        except BaseException as error:
            raise InputError(f"--input {text} raises {said(error)}") from error
        if (
            isinstance(found, tuple)
            and len(found) == 2
            and isinstance(found[0], list | tuple)
            and isinstance(found[1], dict)
        ):
            return cls(list(found[0]), found[1])
        if isinstance(found, list | tuple):
            return cls(list(found), {})
        return cls([found], {})

    def for_model(self, forward: Callable[..., Any]) -> Inputs:
        """A dict alone is the keywords where the model has these names, else one argument."""
        import inspect

        if len(self.args) == 1 and isinstance(self.args[0], dict) and not self.kwargs:
            names = inspect.signature(forward).parameters
            if set(self.args[0]) <= set(names):
                return Inputs([], self.args[0])
        return self

    @property
    def plain(self) -> bool:
        """Whether the arrays are the positional arguments themselves."""
        return not self.kwargs and all(isinstance(value, np.ndarray) for value in self.args)

    @property
    def arrays(self) -> list[Any]:
        """The arrays, in the order in which they are met."""
        found: list[Any] = []
        self._map(found.append)
        return found

    def nested(self, values: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Other values, one for each array, nested alike."""
        rest = iter(values)
        return self._map(lambda array: next(rest))

    def mirrored(self) -> Inputs:
        """Four samples where there is one: each array beside its mirror images.

        Two would not do: normalised, two values are plus and minus one whatever they were: no gradient comes through.
        """

        def four(array: Any) -> Any:
            if array.ndim == 0 or array.shape[0] != 1:
                return array
            pair = [array, np.flip(array, -1)]
            others = [np.flip(a, -2) if a.ndim > 2 else np.roll(a, a.shape[-1] // 2, -1) for a in pair]
            return np.concatenate([*pair, *others])

        return Inputs(*self._map(four))

    def tensors(self, tensor: Callable[[Any], Any]) -> tuple[list[Any], dict[str, Any]]:
        return self._map(tensor)

    def _map(self, function: Callable[[Any], Any]) -> tuple[list[Any], dict[str, Any]]:
        def each(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: each(item) for name, item in value.items()}
            if isinstance(value, list | tuple):
                return type(value)(each(item) for item in value)
            return function(value) if isinstance(value, np.ndarray) else value

        return [each(value) for value in self.args], {name: each(value) for name, value in self.kwargs.items()}


def _arrays(path: str) -> dict[str, Any]:
    """What an .npz file, or an .npy file, holds. Raises InputError."""
    try:
        with open(path, "rb") as file:
            found = np.load(file, allow_pickle=False)
            return {"arr_0": found} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise InputError(f"--input {path} cannot be read: {' '.join(str(error).split())}") from error


def check_inputs(given: Sequence[str]) -> None:
    """Raise InputError for an input that is none of the three kinds."""
    for text in given:
        if text.endswith((".npz", ".npy")):
            if not Path(text).is_file():
                raise InputError(f"--input {text} is no file")
            continue
        if ":" in text:
            continue
        try:
            fine = all(int(n) >= 1 for n in text.split(","))
        except ValueError:
            fine = False
        if not fine:
            raise InputError(f"--input {text!r} must be a shape such as 2,3,64,64, an .npz file, or MODULE:FUNCTION")
