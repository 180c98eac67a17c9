"""The ways of using a block in Paddle."""

from __future__ import annotations

import copy
import io
import pickle
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from benchmarks.works.judge import NotHere, Results, Way
from nlblocks.backend import Array


def results(call: Callable[..., Any], layer: paddle.nn.Layer, x: Array, dtype: Any = "float64") -> Results:
    """Forward and backward in training mode: ``call`` on the input, the gradients of ``layer``'s own parameters."""
    source = paddle.to_tensor(x).astype(dtype)
    source.stop_gradient = False
    layer.train()
    y = call(source)
    weight = paddle.to_tensor(np.cos(np.arange(y.size)).reshape(y.shape))
    (y.astype("float64") * weight).sum().backward()
    grads = {"input": source.grad} | {name: value.grad for name, value in layer.named_parameters()}
    found = {"output": y} | {name: grad for name, grad in grads.items() if grad is not None}
    return {name: value.astype("float64").numpy() for name, value in found.items()}


def plain(layer: paddle.nn.Layer, x: Array) -> Results:
    """What a way is held against: the block as it is."""
    found = _eval(layer, x) | results(layer, layer, x)  # training moves running statistics: last
    layer.clear_gradients()
    return found


def rounded(layer: paddle.nn.Layer, x: Array, form: Any) -> Results:
    """The plain run from weights and an input that were rounded to a format."""
    twin = copy.deepcopy(layer)
    twin.to(dtype=form).to(dtype="float64")
    return plain(twin, paddle.to_tensor(x).astype(form).astype("float64").numpy())


def _eval(call: Any, x: Array, layer: paddle.nn.Layer | None = None) -> Results:
    (call if layer is None else layer).eval()
    with paddle.no_grad():
        return {"eval": call(paddle.to_tensor(x)).astype("float64").numpy()}


def _auto_cast(level: Any, dtype: Any) -> Callable[[Any, Array], Results]:
    def run(layer: Any, x: Array) -> Results:
        layer = layer.to(dtype="float32")
        if level == "O2":
            layer = paddle.amp.decorate(layer, level="O2", dtype=dtype)
        with paddle.amp.auto_cast(level=level, dtype=dtype):
            probe = paddle.ones([2, 2])
            if (probe @ probe).dtype == paddle.float32:
                raise NotHere(f"on a CPU Paddle's auto_cast leaves {dtype} alone")
        return results(_cast(layer, level, dtype), layer, x, "float32")

    return run


def _cast(layer: Any, level: Any, dtype: Any) -> Callable[[Any], Any]:
    def call(tensor: Any) -> Any:
        with paddle.amp.auto_cast(level=level, dtype=dtype):
            return layer(tensor)

    return call


def _half(dtype: str) -> Callable[[Any, Array], Results]:
    def run(layer: Any, x: Array) -> Results:
        lacking = [name for name, needed in OPERATORS.items() if not _has(needed, dtype)]
        if lacking:
            raise NotHere(f"on a CPU Paddle has no {', '.join(lacking)} in {dtype}")
        return results(layer.to(dtype=dtype), layer, x, dtype)

    return run


OPERATORS: dict[str, Callable[[Any], Any]] = {
    "conv2d": lambda x: paddle.nn.functional.conv2d(x, x),
    "matmul": lambda x: x @ x,
    "softmax": lambda x: paddle.nn.functional.softmax(x),
    "mean": lambda x: x.mean(),
}
"""What every block but the smallest is made of."""


def _has(operator: Callable[[Any], Any], dtype: Any) -> bool:
    try:
        operator(paddle.ones([1, 1, 2, 2]).astype(dtype))
    except RuntimeError:
        return False
    return True


def _to_static(layer: Any, x: Array) -> Results:
    static = paddle.jit.to_static(layer, full_graph=True)
    return _eval(static, x, layer) | results(static, layer, x)


def _saved_program(layer: Any, x: Array) -> Results:
    layer.eval()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "block"))
        spec = paddle.static.InputSpec([None, *x.shape[1:]], "float64")
        paddle.jit.save(paddle.jit.to_static(layer, full_graph=True, input_spec=[spec]), path)
        return _eval(paddle.jit.load(path), x)


def _recompute(**options: Any) -> Callable[[Any, Array], Results]:
    def run(layer: Any, x: Array) -> Results:
        from paddle.distributed.fleet.utils import recompute

        return results(lambda tensor: recompute(layer, tensor, **options), layer, x)

    return run


def _saved(layer: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "block.pdmodel"))
        paddle.save(layer, path)
        return paddle.load(path)


def _state(layer: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "block.pdparams"))
        paddle.save(layer.state_dict(), path)
        twin = type(layer)(layer.spec).to(dtype="float64")
        twin.set_state_dict(paddle.load(path))
        return twin


def _summary(layer: Any, x: Array) -> Results:
    layer.to(dtype="float32")  # its input is float32
    with redirect_stdout(io.StringIO()):
        counted = paddle.summary(layer, x.shape)["trainable_params"]
    owned = sum(int(np.prod(value.shape)) for value in layer.parameters() if not value.stop_gradient)
    if counted != owned:
        raise ValueError(f"{counted} of {owned} trainable weights: it sees layers that are called and hold no others")
    return {}


def _twin(make: Callable[[Any], Any]) -> Callable[[Any, Array], Results]:
    def run(layer: Any, x: Array) -> Results:
        twin = make(layer)
        return _eval(twin, x) | results(twin, twin, x)

    return run


def _parallel(layer: Any, x: Array) -> Results:
    return results(paddle.DataParallel(layer), layer, x)


WAYS = {
    "Precision": (
        *(
            Way(f"auto_cast {level}, {dtype}",
                f'paddle.amp.auto_cast(level="{level}", dtype="{dtype}")' + (", amp.decorate" if level == "O2" else ""),
                _auto_cast(level, dtype), dtype)
            for level in ("O1", "O2") for dtype in ("float16", "bfloat16")
        ),
        Way("float16", 'layer.to(dtype="float16")', _half("float16"), "float16"),
        Way("bfloat16", 'layer.to(dtype="bfloat16")', _half("bfloat16"), "bfloat16"),
    ),
    "Static programs": (
        Way("to_static", "paddle.jit.to_static(layer, full_graph=True)", _to_static),
        Way("jit.save", "paddle.jit.save, paddle.jit.load, a batch of any size", _saved_program),
    ),
    "Parallel, memory": (
        Way("DataParallel", "paddle.DataParallel(layer), one process", _parallel),
        Way("recompute", "paddle.distributed.fleet.utils.recompute(layer, x)", _recompute()),
        Way("recompute, not re-entrant", "recompute(layer, x, use_reentrant=False)", _recompute(use_reentrant=False)),
    ),
    "Copies, files": (
        Way("deepcopy", "copy.deepcopy(layer)", _twin(copy.deepcopy)),
        Way("pickle", "pickle.loads(pickle.dumps(layer))", _twin(lambda layer: pickle.loads(pickle.dumps(layer)))),
        Way("save", "paddle.save(layer, file), paddle.load(file)", _twin(_saved)),
        Way("state_dict", "paddle.save(layer.state_dict(), file), set_state_dict", _twin(_state)),
        Way("summary", "paddle.summary(layer, shape): its number of parameters", _summary),
    ),
}  # fmt: skip
