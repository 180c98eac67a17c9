"""The golden files: what a public class, called so, with such a state, computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import nlblocks
from parity_tests.helpers.checkout import ROOT

CASES = sorted((ROOT / "parity_tests" / "golden").glob("*.npz"))


class Golden:
    """One golden file: a public class, its call, its state, and all that it computed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.arrays: dict[str, np.ndarray[Any, Any]] = dict(np.load(path))
        self.meta = json.loads(str(self.arrays.pop("meta")))
        self.dialect = nlblocks.dialects.get(self.meta["dialect"])
        self.spec = self.dialect.spec(self.meta["cls"], **self.meta["kwargs"])
        self.state = self.group("state/")
        self.foreign = {param.name: name for param, (name, _) in self.dialect.rows(self.spec).items()}
        self.seconds = self.dialect.seconds(self.spec)
        """Second foreign names of shared tensors, each with the first."""
        assert set(self.meta.get("shared", {}).items()) <= set(self.seconds.items())

    def group(self, prefix: str) -> dict[str, np.ndarray[Any, Any]]:
        return {name.removeprefix(prefix): array for name, array in self.arrays.items() if name.startswith(prefix)}

    def canonical(self, prefix: str) -> dict[str, np.ndarray[Any, Any]]:
        """The tensors of a group under canonical names; the state stands in for those that the group lacks.

        A group may have a shared tensor under its first name alone.
        """
        found = self.group(prefix)
        again = {second: found[first] for second, first in self.seconds.items() if first in found}
        mapped = self.dialect.to_canonical(self.spec, {**self.state, **again, **found})
        return {name: array for name, array in mapped.items() if self.foreign[name] in found}

    def said(self, key: str) -> set[str]:
        """Canonical names of the tensors that the file's ``meta`` lists under a key; "input/0" stays as it is."""
        listed = set(self.meta.get(key, ()))
        canonical = {foreign: name for name, foreign in self.foreign.items()}
        return {canonical.get(name, name) for name in listed}

    def inputs(self, prefix: str) -> Any:
        """The tensors "input/0" and so on, or "grad_input/0": one as it is, several as a tuple."""
        found = self.group(prefix)
        arrays = tuple(found[str(index)] for index in range(len(found)))
        return arrays[0] if len(arrays) == 1 else arrays
