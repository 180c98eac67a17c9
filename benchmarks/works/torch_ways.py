"""The ways of using a block in torch."""

from __future__ import annotations

import copy
import io
import pickle
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.works.judge import Nothing, Results, Way
from nlblocks.backend import Array


def results(call: Callable[..., Any], module: nn.Module, x: Array, dtype: torch.dtype = torch.float64) -> Results:
    """Forward and backward in training mode: ``call`` on the input, the gradients of ``module``'s own parameters."""
    source = torch.from_numpy(x).to(dtype).requires_grad_()
    module.train()
    y = call(source)
    named = dict(module.named_parameters())
    weight = torch.cos(torch.arange(y.numel(), dtype=torch.float64)).reshape(y.shape)
    grads = torch.autograd.grad((y.double() * weight).sum(), [source, *named.values()], allow_unused=True)
    found = {"output": y, "input": grads[0], **dict(zip(named, grads[1:], strict=True))}
    return {name: value.detach().double().numpy() for name, value in found.items() if value is not None}


def plain(module: nn.Module, x: Array) -> Results:
    """What a way is held against: the block as it is."""
    return _eval(module, x) | results(module, module, x)  # training moves running statistics: last


def rounded(module: nn.Module, x: Array, form: str) -> Results:
    """The plain run from weights and an input that were rounded to a format."""
    dtype = getattr(torch, form)
    twin = copy.deepcopy(module).to(dtype).double()
    return plain(twin, torch.from_numpy(x).to(dtype).double().numpy())


def _eval(call: Any, x: Array, module: nn.Module | None = None) -> Results:
    (call if module is None else module).eval()
    with torch.no_grad():
        return {"eval": call(torch.from_numpy(x)).double().numpy()}


def _autocast(dtype: torch.dtype) -> Callable[[nn.Module, Array], Results]:
    def run(module: nn.Module, x: Array) -> Results:
        def call(tensor: torch.Tensor) -> torch.Tensor:
            with torch.autocast("cpu", dtype):
                return module(tensor)

        return results(call, module.float(), x, torch.float32)

    return run


def _compiled(**options: Any) -> Callable[[nn.Module, Array], Results]:
    def run(module: nn.Module, x: Array) -> Results:
        torch._dynamo.reset()
        return results(torch.compile(module, **options), module, x)

    return run


def _export(module: nn.Module, x: Array) -> Results:
    program = torch.export.export(module.eval(), (torch.from_numpy(x),)).module()
    with torch.no_grad():
        return {"eval": program(torch.from_numpy(x)).numpy()}


def _checkpoint(module: nn.Module, x: Array) -> Results:
    from torch.utils.checkpoint import checkpoint

    return results(lambda tensor: checkpoint(module, tensor, use_reentrant=False), module, x)


def _functional(module: nn.Module, x: Array) -> Results:
    values = dict(module.named_parameters()) | dict(module.named_buffers())
    return _eval(lambda tensor: torch.func.functional_call(module, values, (tensor,)), x, module)


def _vmap(module: nn.Module, x: Array) -> Results:
    return _eval(lambda tensor: torch.func.vmap(module)(tensor[None])[0], x, module)


def _channels_last(module: nn.Module, x: Array) -> Results:
    if x.ndim != 4:
        raise Nothing("its input is no image")
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return results(lambda tensor: module(tensor.contiguous(memory_format=torch.channels_last)), module, x)


def _distributed(module: nn.Module, x: Array) -> Results:
    from torch import distributed

    with tempfile.TemporaryDirectory() as folder:
        address = f"file://{Path(folder, 'store').as_posix()}"
        distributed.init_process_group("gloo", init_method=address, rank=0, world_size=1)
        try:
            parallel = nn.parallel.DistributedDataParallel(module)
            source = torch.from_numpy(x).requires_grad_()
            module.train()
            y = parallel(source)  # gradients arrive by its hooks, in .grad
            weight = torch.cos(torch.arange(y.numel(), dtype=torch.float64)).reshape(y.shape)
            (y * weight).sum().backward()
            grads = {"input": source.grad} | {name: value.grad for name, value in module.named_parameters()}
            found = {"output": y} | {name: grad for name, grad in grads.items() if grad is not None}
            return {name: value.detach().numpy() for name, value in found.items()}
        finally:
            distributed.destroy_process_group()


def _saved(module: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def _meta(module: nn.Module) -> nn.Module:
    with torch.device("meta"):
        empty = type(module)(module.spec)
    twin: nn.Module = empty.to_empty(device="cpu").double()
    twin.load_state_dict(module.state_dict())
    return twin


def _weight_norm(module: nn.Module, x: Array) -> Results:
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear)]
    if not layers:
        raise Nothing("it has no layer with a weight matrix")
    for layer in layers:
        nn.utils.parametrizations.weight_norm(layer)
    found = results(module, module, x)
    return {name: value for name, value in found.items() if "parametrizations" not in name}


def _twin(make: Callable[[Any], Any]) -> Callable[[nn.Module, Array], Results]:
    def run(module: nn.Module, x: Array) -> Results:
        twin = make(module)
        return results(twin, twin, x)

    return run


def _traced(make: Callable[[nn.Module, torch.Tensor], Any]) -> Callable[[nn.Module, Array], Results]:
    def run(module: nn.Module, x: Array) -> Results:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.jit is deprecated, and says so
            return _eval(make(module.eval(), torch.from_numpy(x)), x, module)

    return run


def _half(dtype: torch.dtype) -> Callable[[nn.Module, Array], Results]:
    return lambda module, x: results(module.to(dtype), module, x, dtype)


WAYS = {
    "Precision": (
        Way("autocast, bfloat16", 'torch.autocast("cpu", torch.bfloat16)', _autocast(torch.bfloat16), "bfloat16"),
        Way("autocast, float16", 'torch.autocast("cpu", torch.float16)', _autocast(torch.float16), "float16"),
        Way("bfloat16", "block.bfloat16()", _half(torch.bfloat16), "bfloat16"),
        Way("half", "block.half()", _half(torch.float16), "float16"),
    ),
    "Compilers and graphs": (
        Way("compile", "torch.compile(block, fullgraph=True)", _compiled(fullgraph=True)),
        Way("compile, aot_eager", 'torch.compile(block, fullgraph=True, backend="aot_eager")',
            _compiled(fullgraph=True, backend="aot_eager")),
        Way("export", "torch.export.export(block, (x,))", _export),
        Way("jit.trace", "torch.jit.trace(block, x)", _traced(lambda module, x: torch.jit.trace(module, x))),
        Way("jit.script", "torch.jit.script(block)", _traced(lambda module, x: torch.jit.script(module))),
        Way("fx", "torch.fx.symbolic_trace(block)", _traced(lambda module, x: torch.fx.symbolic_trace(module))),
        Way("functional_call", "torch.func.functional_call(block, state, (x,))", _functional),
        Way("vmap", "torch.func.vmap(block)(batches)", _vmap),
    ),
    "Parallel, memory": (
        Way("DDP", "DistributedDataParallel(block), one process, gloo", _distributed),
        Way("DataParallel", "torch.nn.DataParallel(block), no GPU",
            lambda module, x: results(nn.DataParallel(module), module, x)),
        Way("checkpoint", "torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)", _checkpoint),
        Way("channels_last", "block.to(memory_format=torch.channels_last)", _channels_last),
    ),
    "Copies, files": (
        Way("deepcopy", "copy.deepcopy(block)", _twin(copy.deepcopy)),
        Way("pickle", "pickle.loads(pickle.dumps(block))", _twin(lambda module: pickle.loads(pickle.dumps(module)))),
        Way("save", "torch.save(block, file), torch.load(file, weights_only=False)", _twin(_saved)),
        Way("meta device", 'torch.device("meta"), to_empty, load_state_dict', _twin(_meta)),
        Way("weight_norm", "torch.nn.utils.parametrizations.weight_norm of each layer", _weight_norm),
    ),
}  # fmt: skip
