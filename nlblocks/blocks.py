"""Build a block in a backend, and run it."""

from __future__ import annotations

from typing import Any

from nlblocks.backend import DTYPES, Backend, DType, Run, as_array, backend_of, current, get
from nlblocks.errors import InputError, no_spec, one_of, said
from nlblocks.specs import inputs
from nlblocks.specs.base import BlockSpec


def build(spec: BlockSpec, backend: str | Backend | None = None, seed: int = 0, dtype: DType = "float32") -> Any:
    """The native module of ``spec``: a torch.nn.Module, a paddle.nn.Layer or a NumPy reference block.

    The same seed gives bitwise the same weights in every backend. ``backend`` None is the one chosen by
    :func:`nlblocks.use` or NLBLOCKS_BACKEND. ``dtype`` is "float64", "float32", "float16" or "bfloat16".
    """
    if not isinstance(spec, BlockSpec):
        raise no_spec("build", spec)
    if dtype not in DTYPES:
        raise InputError(f"build: dtype={said(dtype)} {one_of(dtype, DTYPES)}")
    return get(current() if backend is None else backend).build(spec, seed=seed, dtype=dtype)


def run(module: Any, x: Any, training: bool = False, grad_output: Any = None, return_attention: bool = False) -> Run:
    """Call a block on arrays, and leave it as it was: mode, running statistics and gradients are put back.

    One call at a time for one module: threads that share it would see each other's changes.

    x is an array of the spec's input shape, cast to the module's dtype; of a block that takes several inputs a tuple of
    arrays, and ``grad_input`` is a tuple then. ``grad_output``, of the output's shape, asks for the gradients of
    Σ output · grad_output (torch and Paddle; the reference is forward-only).
    Raises InputError for shapes that do not fit, and for ``return_attention`` on a block without a map.
    """
    backend = backend_of(module)
    spec: BlockSpec = module.spec
    if isinstance(x, tuple) and all(isinstance(extent, int) for extent in x):
        raise InputError(f"run: x={x} is a shape; give an array of it, such as numpy.ones({x})")
    x = inputs.joined(map(as_array, inputs.split(spec, x)))
    shape = inputs.shape_of(x)
    expected = spec.output_shape(shape)
    if return_attention and not spec.attention_shapes(shape):
        raise InputError(f"{type(spec).__name__} has no attention map; call it without return_attention")
    if grad_output is not None:
        grad_output = as_array(grad_output)
        if grad_output.shape != expected:
            raise InputError(f"grad_output has shape {grad_output.shape}; it must be the output's, {expected}")
    return backend.run(module, x, training=training, grad_output=grad_output, return_attention=return_attention)
