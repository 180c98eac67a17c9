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
        self.arrays: dict[str, np.ndarray[Any, Any]] = dict(np.load(path))
        self.meta = json.loads(str(self.arrays.pop("meta")))
        self.dialect = nlblocks.dialects.get(self.meta["dialect"])
        self.spec = self.dialect.spec(self.meta["cls"], **self.meta["kwargs"])
        self.state = self.group("state/")

    def group(self, prefix: str) -> dict[str, np.ndarray[Any, Any]]:
        return {name.removeprefix(prefix): array for name, array in self.arrays.items() if name.startswith(prefix)}

    def canonical(self, prefix: str) -> dict[str, np.ndarray[Any, Any]]:
        """The tensors of a group under canonical names; the state stands in for those that the group lacks."""
        found = self.group(prefix)
        mapped = self.dialect.to_canonical(self.spec, {**self.state, **found})
        back = self.dialect.from_canonical(self.spec, mapped)
        foreign = {id(array): name for name, array in back.items()}
        assert set(foreign.values()) == set(self.state)
        names = dict(zip(mapped, back, strict=True))  # canonical → foreign: both follow params()
        return {name: array for name, array in mapped.items() if names[name] in found}
