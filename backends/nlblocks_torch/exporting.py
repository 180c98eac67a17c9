"""torch modules as ONNX programs."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.onnx import TrainingMode
from torch.overrides import TorchFunctionMode

from nlblocks.backend import Array
from nlblocks.errors import InputError

ARITHMETIC = frozenset(["add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "div", "pow", "rpow"])
"""Tensor operators beside whose tensors the newer exporter writes Python numbers as float32."""
SAID = 200
"""Characters that are kept of an exporter's error."""


def exported(
    module: nn.Module, inputs: Sequence[Array], *, names: Sequence[str], outputs: Sequence[str],
    opset: int | None = None, dynamic: Sequence[Mapping[int, str]] = (), attention: bool = False,
) -> onnx.ModelProto:  # fmt: skip
    """A module in eval mode and in its own dtype as a program: ``names`` of its inputs and of its ``outputs``.

    ``dynamic`` names the axes of each input that may have any extent; with ``attention`` the block's maps are outputs
    too. The exporter that traces is asked first: what it writes is exact in float64, and its weights keep their names.
    The newer one reads more programs. Raises InputError for what neither exports.
    """
    modes = {part: part.training for part in module.modules()}
    like = next(filter(Tensor.is_floating_point, chain(module.parameters(), module.buffers())), torch.zeros(()))
    given = tuple(_tensor(x, like) for x in inputs)
    called = _Called(module, attention)
    errors = []
    fused = torch.backends.mha.get_fastpath_enabled()  # an operator of its own, that neither way knows
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        module.eval()
        called.eval()
        for way in (_traced, _read):
            try:
                with _quietly(), torch.no_grad():
                    found = way(called, given, list(names), list(outputs), opset, list(dynamic) or [{}] * len(given))
                    onnx.checker.check_model(found, full_check=True)
                    return found
            except Exception as error:  # exporters raise whatever they meet
                errors.append(f"{type(error).__name__}: {' '.join(str(error).split())[:SAID]}")
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for part, mode in modes.items():
            part.training = mode
    both = "; and the newer way: ".join(errors)
    raise InputError(f"{type(module).__name__}: torch.onnx.export cannot write it: {both}")


def cast(module: nn.Module, dtype: str) -> nn.Module:
    """A copy of a module in another dtype."""
    return copy.deepcopy(module).to(getattr(torch, dtype))


class _Called(nn.Module):
    """A module called with its inputs alone, its ``maps`` as outputs too: under its own names, which weights keep.

    The exporter that traces passes what a forward takes by keyword alone as one more input.
    """

    def __init__(self, module: nn.Module, maps: bool) -> None:
        super().__init__()
        self._called, self._maps = [module], maps  # in a list, no part of this one: else all names had a prefix
        for name, parameter in module.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        for name, buffer in module.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        for name, child in module.named_children():
            self.add_module(name, child)

    def forward(self, *inputs: Tensor) -> Any:
        if not self._maps:
            return self._called[0](*inputs)
        output, maps = self._called[0](*inputs, return_attention=True)
        return (output, *maps.values()) if isinstance(maps, dict) else (output, maps)


def _traced(
    module: nn.Module, inputs: tuple[Tensor, ...], names: list[str], outputs: list[str], opset: int | None,
    dynamic: Sequence[Mapping[int, str]],
) -> onnx.ModelProto:  # fmt: skip
    """By the exporter that runs the module and writes down what it calls. Nothing is folded: every weight stays."""
    file = io.BytesIO()
    torch.onnx.export(
        module, inputs, file, dynamo=False,  # type: ignore[arg-type]  # it takes a file as well
        input_names=names, output_names=outputs, opset_version=opset,
        dynamic_axes={name: dict(axes) for name, axes in zip(names, dynamic, strict=True) if axes},
        training=TrainingMode.PRESERVE, do_constant_folding=False,
    )  # fmt: skip
    return onnx.load_model_from_string(file.getvalue())


def _read(
    module: nn.Module, inputs: tuple[Tensor, ...], names: list[str], outputs: list[str], opset: int | None,
    dynamic: Sequence[Mapping[int, str]],
) -> onnx.ModelProto:  # fmt: skip
    """By the exporter on torch.export, with Python numbers as tensors that keep their digits."""
    axes = {axis for each in dynamic for axis in each.values()}
    dims = {axis: torch.export.Dim(axis) for axis in axes}
    shapes = tuple({number: dims[axis] for number, axis in each.items()} for each in dynamic)
    with _exact_numbers():
        program = torch.onnx.export(
            module, inputs, dynamo=True, input_names=names, output_names=outputs, opset_version=opset, verbose=False,
            dynamic_shapes=shapes if axes else None, optimize=False,
        )  # fmt: skip
    assert program is not None
    found: onnx.ModelProto = program.model_proto
    return found


class _exact_numbers(TorchFunctionMode):  # a context
    """Within, a Python number beside a float64 tensor is one too."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(function, "__name__", "").strip("_")
        double = next((x for x in args if isinstance(x, Tensor) and x.dtype == torch.float64), None)
        if name in ARITHMETIC and double is not None:
            args = tuple(torch.tensor(x, dtype=torch.float64) if isinstance(x, float) else x for x in args)
        return function(*args, **(kwargs or {}))


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Exporters print what they do, and warn of themselves."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), \
                contextlib.redirect_stderr(io.StringIO()):  # fmt: skip
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _tensor(array: Array, like: Tensor) -> Tensor:
    found = torch.as_tensor(array, device=like.device)
    return found.to(like.dtype) if found.is_floating_point() else found
