"""The base of every Paddle block: it resolves the spec and starts from the spec's initialisation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain
from typing import Any, ClassVar

import paddle

from nlblocks.init import initial_state
from nlblocks.specs.base import BlockSpec, options_text, resolve_spec
from nlblocks.specs.inputs import joined, wrong_input
from nlblocks.specs.signature import spell_block

_deferred: ContextVar[bool] = ContextVar("deferred", default=False)


@contextmanager
def deferred_initialisation() -> Iterator[None]:
    """Blocks built in this context without a seed, nested ones too, are not initialised: the caller does it after."""
    token = _deferred.set(True)
    try:
        yield
    finally:
        _deferred.reset(token)


TENSORS = (paddle.Tensor, paddle.static.Variable, paddle.base.libpaddle.pir.Value)
"""What Paddle holds numbers in: as a program runs, and in the programs of its two intermediate representations."""


class Block(paddle.nn.Layer):
    """An ordinary Paddle layer that carries its ``spec``; its state dict has the names of ``spec.params()``.

    Shapes are the spec's too, but for Linear weights, which Paddle holds as [in, out]. ``Block(spec)`` and
    ``Block(**options of the spec)`` are the same. ``seed`` fixes the weights; None draws a seed from Paddle's own
    generator, so ``paddle.seed`` governs it.
    """

    spec_type: ClassVar[type[BlockSpec]]
    spec: Any

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "spec_type" in vars(cls):  # a block, and no subclass of one, which has arguments of its own
            spell_block(cls, cls.spec_type)

    def __init__(self, spec: BlockSpec | None, options: Mapping[str, Any]) -> None:
        super().__init__()
        self.spec = resolve_spec(self.spec_type, spec, options)
        if not self.spec.params():  # no part of the state: it only says the dtype, which calls move
            self.register_buffer("_empty", paddle.empty([0]), persistable=False)
        self._transposed = frozenset(param.name for param in self.spec.params() if param.layout == "linear")

    def reset_parameters(self, seed: int | None = None) -> None:
        """Write the spec's initialisation, cast to each parameter's dtype."""
        if seed is None:
            if _deferred.get():
                return
            seed = int(paddle.randint(0, 2**31 - 1, []))
        assign(self, {name: paddle.to_tensor(array) for name, array in initial_state(self.spec, seed).items()})

    @paddle.jit.not_to_static
    def check_input(self, *inputs: paddle.Tensor) -> None:
        """Raise InputError, in one line, unless these are tensors of shapes and numbers that the spec can process.

        Plain Python even under ``paddle.jit.to_static``, where an extent that is not known is -1.
        """
        for name, x in zip(self.spec.inputs, inputs, strict=True):
            if not isinstance(x, TENSORS) or not paddle.is_floating_point(x):
                raise wrong_input(self.spec, name, x, "paddle.Tensor")
        self.spec.check_input(joined(tuple(x.shape) for x in inputs))

    def extra_repr(self) -> str:
        return options_text(self.spec)


def like(layer: Block) -> paddle.Tensor:
    """The tensor that says the block's dtype: its first, and that of a block without any is empty."""
    return next(chain(layer.parameters(), layer.buffers()))


def tensors(layer: Block) -> dict[str, paddle.Tensor]:
    """Parameters and buffers, detached, under canonical names and layouts; a transposed Linear weight is a view."""
    own = {name: tensor.detach() for name, tensor in layer.state_dict().items()}
    linear = linear_weights(layer)
    return {name: tensor.t() if name in linear else tensor for name, tensor in own.items()}


@paddle.no_grad()
def assign(layer: Block, values: Mapping[str, paddle.Tensor]) -> None:
    """Copy canonical tensors into the layer, in place, cast to each target's dtype."""
    own, linear = layer.state_dict(), linear_weights(layer)
    for name, value in values.items():
        value = value.astype(own[name].dtype)
        paddle.assign(value.t() if name in linear else value, own[name])


def linear_weights(layer: Block) -> frozenset[str]:
    """Canonical names of the tensors that Paddle holds transposed."""
    return layer._transposed
