"""What a port asks of Paddle: what its objects are called, and how a model is fed (:mod:`nlblocks.port`)."""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import paddle
from paddle import nn

from nlblocks_paddle.lab.tracing import RENAMED

INITIALIZER = paddle.nn.initializer.initializer.Initializer
HOMES = (
    "paddle", "paddle.nn", "paddle.nn.functional", "paddle.nn.initializer", "paddle.nn.utils", "paddle.linalg",
    "paddle.fft", "paddle.signal", "paddle.sparse", "paddle.geometric", "paddle.regularizer", "paddle.metric",
    "paddle.optimizer", "paddle.optimizer.lr", "paddle.distribution", "paddle.vision.ops", "paddle.vision.models",
    "paddle.vision.transforms", "paddle.vision.transforms.functional", "paddle.io", "paddle.jit", "paddle.amp",
    "paddle.autograd", "paddle.device", "paddle.distributed", "paddle.distributed.fleet",
    "paddle.distributed.fleet.utils",
    "paddle.distributed.fleet.meta_parallel", "paddle.incubate", "paddle.incubate.nn", "paddle.incubate.nn.functional",
    "paddle.static", "paddle.static.nn", "paddle.static.amp", "paddle.framework", "paddle.base", "paddle.utils",
    "paddle.utils.download",
)  # fmt: skip
"""Where Paddle shows its API; the first one that shows an object names it."""

MODELS = "paddle.vision.models"
"""Models that come with Paddle, written in its own API: a port of what is built on them needs their source too."""


class PaddlePorting:
    """Names and kinds of Paddle's objects."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []  # an id is good as long as its object lives
        for home in HOMES:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    module = importlib.import_module(home)
            except ImportError:
                continue
            self._add(home, module)
        self._linear: dict[int, Any] = {}
        self._built: dict[int, tuple[Any, Any]] = {}

    def _add(self, home: str, module: ModuleType) -> None:
        for name, value in list(vars(module).items()):
            public = not name.startswith("_") and callable(value)
            origin = str(getattr(value, "__module__", None) or "paddle")
            if public and origin.partition(".")[0] == "paddle" and id(value) not in self._names:
                self._names[id(value)] = f"{home}.{name}"
                self._kept.append(value)

    def name(self, value: Any) -> str:
        if issubclass(type(value), ModuleType):
            return value.__name__ if value.__name__.partition(".")[0] == "paddle" else ""
        if issubclass(type(value), paddle.dtype):
            return f"paddle.{str(value).rpartition('.')[2]}"
        return self._names.get(id(value), "")

    def put(self, modules: Container[str]) -> dict[str, str]:
        """Paddle's names, of tensors' and layers' methods too, under which modules put something of their own."""
        found = {}
        places: list[tuple[str, Any]] = [(home, sys.modules.get(home)) for home in HOMES]
        for home, place in [*places, ("Tensor", paddle.Tensor), ("Layer", nn.Layer)]:
            for name, value in list(vars(place).items()) if place is not None else ():
                origin = value.__module__ if isinstance(value, FunctionType | type) else ""
                if origin in modules and origin.partition(".")[0] != "paddle":
                    found[f"{home}.{name}"] = f"{value.__module__}:{value.__qualname__}"
        return found

    def kind(self, value: Any) -> str:
        """What a value is, told by its class alone: a value may answer for itself."""
        own = type(value)
        if issubclass(own, paddle.Tensor):
            if not issubclass(own, paddle.base.framework.EagerParamBase):
                return "Tensor"
            return "LinearWeight" if id(value) in self._linear else "Parameter"
        if issubclass(own, nn.Layer):
            return f"Layer:{self.class_name(own)}"
        if issubclass(own, INITIALIZER):
            return f"Initializer:{self.class_name(own)}"
        if issubclass(own, paddle.ParamAttr):
            return "ParamAttr" if value.initializer is not None or not value.trainable else "ParamAttr without a start"
        if issubclass(own, super):
            return self._of_super(value)
        return ""

    def class_name(self, kind: type) -> str:
        """The nearest public class of Paddle's that a class is or derives from."""
        return next((self._names[id(base)] for base in kind.__mro__ if id(base) in self._names), kind.__qualname__)

    def entries(self, model: nn.Layer) -> list[tuple[tuple[str, ...], str, str, tuple[int, ...], str]]:
        """Every tensor of a model's state: its layer's path, its name there, the layer's class, shape and full name."""
        found, told = [], set()

        def walk(layer: nn.Layer, path: tuple[str, ...]) -> None:
            kept = {**layer._parameters, **layer._buffers}
            for name, tensor in kept.items():
                if (
                    tensor is not None
                    and id(tensor) not in told
                    and name not in layer._non_persistable_buffer_names_set
                ):
                    told.add(id(tensor))
                    full = ".".join([*path, name])
                    found.append((path, name, self.class_name(type(layer)), tuple(tensor.shape), full))
            for name, child in layer._sub_layers.items():
                if child is not None:
                    walk(child, (*path, name))

        walk(model, ())
        return found

    def models(self) -> list[ModuleType]:
        """The modules of the models that come with Paddle, the package last."""
        names = sorted((name for name in sys.modules if name.startswith(f"{MODELS}.")), key=lambda n: "_utils" not in n)
        return [sys.modules[name] for name in [*names, MODELS]]

    def tensor(self, array: Any) -> paddle.Tensor:
        return paddle.to_tensor(array)

    def seed(self, seed: int) -> None:
        paddle.seed(seed)

    def named_anew(self) -> Any:
        """Within, a model may name its parameters as another one in this process did, which Paddle refuses."""
        return paddle.utils.unique_name.guard()

    def load(self, model: nn.Layer, arrays: Mapping[str, Any]) -> None:
        """Write arrays into a model's tensors, by their names in its state."""
        for path, name, _, _, full in self.entries(model):
            _at(model, path, name).set_value(paddle.to_tensor(arrays[full]))

    def state(self, model: nn.Layer) -> dict[str, Any]:
        """The arrays of a model's tensors, by their names in its state."""
        return {full: _at(model, path, name).numpy() for path, name, _, _, full in self.entries(model)}

    def lab_name(self, name: str) -> str:
        """What the lab calls a tensor of a model's state: its running statistics as torch does."""
        head, dot, last = name.rpartition(".")
        return f"{head}{dot}{RENAMED.get(last, last)}"

    def without_gradients(self) -> Any:
        return paddle.no_grad()

    def wrapped(self, model: nn.Layer, nested: Callable[..., tuple[Sequence[Any], Mapping[str, Any]]]) -> nn.Layer:
        """The model behind a layer that is called with tensors one by one, and nests them as the model takes them."""
        return _Nested(model, nested)

    def _of_super(self, value: Any) -> str:
        """The class whose methods super() looks up, where it is Paddle's own."""
        owner = value.__self_class__.__mro__
        rest = owner[owner.index(value.__thisclass__) + 1 :]
        if issubclass(value.__self_class__, nn.Layer) and rest and id(rest[0]) in self._names:
            return f"Layer:{self._names[id(rest[0])]}"
        return ""

    def built(self, value: Any, place: Any) -> None:
        if issubclass(type(value), INITIALIZER) and "forward" not in vars(value):
            value.forward = _telling(place, value.forward)
        if not issubclass(type(value), nn.Layer) or id(value) in self._built or "_sub_layers" not in vars(value):
            return  # one that is being built has no parts yet
        self._built[id(value)] = value, place
        for layer in value.sublayers(include_self=True):
            weight = layer._parameters.get("weight") if isinstance(layer, nn.Linear) else None
            if weight is not None:
                self._linear[id(weight)] = weight
        if type(value).__module__.partition(".")[0] == "paddle":
            value.register_forward_pre_hook(partial(_ranks, place))  # it changes nothing


def _telling(place: Any, fill: Callable[..., Any]) -> Callable[..., Any]:
    """An initialiser's function that notes the rank of what it fills. A plain function: copies of it are itself."""

    def forward(parameter: Any, *block: Any, **named: Any) -> Any:
        place.ranks.add(len(parameter.shape))
        return fill(parameter, *block, **named)

    return forward


def _ranks(place: Any, layer: Any, inputs: Any) -> None:
    found = inputs[0] if isinstance(inputs, tuple | list) and inputs else inputs
    if isinstance(found, paddle.Tensor):
        place.ranks.add(found.ndim)


class _Nested(nn.Layer):
    def __init__(self, model: nn.Layer, nested: Callable[..., tuple[Sequence[Any], Mapping[str, Any]]]) -> None:
        super().__init__()
        self.model, self.nested = model, nested

    def forward(self, *tensors: paddle.Tensor) -> Any:
        args, kwargs = self.nested(tensors)
        return self.model(*args, **kwargs)


def _at(model: nn.Layer, path: Sequence[str], name: str) -> paddle.Tensor:
    for part in path:
        model = model._sub_layers[part]
    return model._parameters[name] if name in model._parameters else model._buffers[name]


def signature(name: str) -> inspect.Signature | None:
    """Paddle's own signature of an API, for the test that a row knows every argument; None where there is none."""
    head, _, rest = name.partition(".")
    found: Any = paddle.Tensor if head == "Tensor" else nn.Layer if head == "Layer" else paddle
    for part in rest.split("."):
        if (found is paddle and part in ("nn", "vision")) or isinstance(found, ModuleType):
            found = getattr(found, part, None) or importlib.import_module(f"{found.__name__}.{part}")
        else:
            found = getattr(found, part, None)
    try:
        return inspect.signature(found)
    except (TypeError, ValueError):
        return None


porting = PaddlePorting()
