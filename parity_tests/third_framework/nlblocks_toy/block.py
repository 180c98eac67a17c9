"""The base of every numtape block: a spec, and a state under canonical names and layouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numtape
from numtape import Array

from nlblocks.init import initial_state
from nlblocks.specs.base import BlockSpec, resolve_spec
from nlblocks.specs.signature import spell_block


class Block(numtape.Module):
    """An ordinary numtape module whose tensors have the names of ``spec.params()``; Linear weights are [in, out]."""

    spec_type: ClassVar[type[BlockSpec]]
    spec: Any

    def __init_subclass__(cls) -> None:
        if "spec_type" in vars(cls):
            spell_block(cls, cls.spec_type)

    def __init__(self, spec: BlockSpec | None, options: Mapping[str, Any]) -> None:
        self.spec = resolve_spec(self.spec_type, spec, options)

    def reset_parameters(self, seed: int | None) -> None:
        """Write the spec's initialisation; None draws a seed from numtape's own generator."""
        seed = int(numtape.state["random"].integers(2**62)) if seed is None else seed
        assign(self, initial_state(self.spec, seed))


def canonical(block: Block, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """A block's own arrays, or gradients of them, in canonical layouts, and back: views."""
    layouts = {param.name: param.layout for param in block.spec.params()}
    return {name: array.T if layouts[name] == "linear" else array for name, array in arrays.items()}


def assign(block: Block, arrays: Mapping[str, Array]) -> None:
    """Take canonical arrays, cast to each tensor's dtype."""
    own = block.tensors()
    for name, array in canonical(block, arrays).items():
        own[name].data = np.array(array, own[name].dtype)
