"""Small models of one kind of layer each, the same in torch and in Paddle, and files of every format that hold them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from nlblocks.commands.files import convert
from nlblocks.errors import InputError
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.command_line import call

Build = Callable[[Any, Any], dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """``torch`` and ``paddle`` give the layers by name, run one after the other on an array of the shape ``input``."""

    torch: Callable[[Any], dict[str, Any]]
    paddle: Callable[[Any], dict[str, Any]]
    input: tuple[int, ...] = (2, 8)


def _matmul(nn: Any, of: Any, make: Callable[..., Any], shape: tuple[int, int]) -> Any:
    """A parameter of one's own, [in, out], called weight, with a bias: a Conv1D, a graph convolution."""

    class Own(of):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = make(self, shape), make(self, shape[1:])

        def forward(self, x: Any) -> Any:
            return x @ self.weight + self.bias

    return Own()


def _own_torch(shape: tuple[int, int]) -> Any:
    import torch

    return _matmul(torch.nn, torch.nn.Module, lambda _, s: torch.nn.Parameter(torch.zeros(s)), shape)


def _own_paddle(shape: tuple[int, int]) -> Any:
    from paddle import nn

    return _matmul(nn, nn.Layer, lambda self, s: self.create_parameter(list(s)), shape)


def _linear(name: str, inputs: int, outputs: int, *, bias: bool = True, **more: Any) -> Kind:
    return Kind(
        lambda nn: {name: nn.Linear(inputs, outputs, bias=bias), **({"norm": nn.LayerNorm(outputs)} if more else {})},
        lambda nn: {name: nn.Linear(inputs, outputs, bias_attr=None if bias else False),
                    **({"norm": nn.LayerNorm(outputs)} if more else {})},
        (2, inputs),
    )  # fmt: skip


def _table(name: str, rows: int, width: int) -> Kind:
    return Kind(lambda nn: {name: nn.Embedding(rows, width), "norm": nn.LayerNorm(width)},
                lambda nn: {name: nn.Embedding(rows, width), "norm": nn.LayerNorm(width)}, (-rows, 2))  # fmt: skip


def _conv_then(first: str, second: str, ours: Callable[[Any], Any], theirs: Callable[[Any], Any]) -> Kind:
    return Kind(lambda nn: {first: nn.Conv2d(3, 4, 1), second: ours(nn)},
                lambda nn: {first: nn.Conv2D(3, 4, 1), second: theirs(nn)}, (2, 3, 5, 5))  # fmt: skip


def _alone(name: str, ours: Callable[[Any], Any], theirs: Callable[[Any], Any], shape: tuple[int, ...]) -> Kind:
    return Kind(lambda nn: {name: ours(nn)}, lambda nn: {name: theirs(nn)}, shape)


def _instance(**options: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    return lambda nn: nn.InstanceNorm2d(4, affine=True, **options), lambda nn: nn.InstanceNorm2D(4)


def _prelu(n: int) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    return lambda nn: nn.PReLU(n), lambda nn: nn.PReLU(n)


KINDS: dict[str, Kind] = {
    "linear": _linear("fc", 4, 3),
    "square linear": _linear("fc", 8, 8),
    "square linear of any name": _linear("thing", 8, 8),
    "square linear in a sequence": _linear("0", 8, 8),
    "linear without bias": _linear("proj", 8, 3, bias=False),
    "linear called time_embedding": _linear("time_embedding", 8, 8, bias=False),
    "linear called bond_embedding": _linear("bond_embedding", 31, 8, bias=False, norm=True),
    "linear called class_embed": _linear("class_embed", 8, 5, bias=False, norm=True),
    "linear called embedding": _linear("embedding", 8, 8, bias=False, norm=True),
    "linear called pos_emb": _linear("pos_emb", 3, 8, bias=False, norm=True),
    "linear called pos_emb, square": _linear("pos_emb", 8, 8, bias=False, norm=True),
    "linear called word_embedding": _linear("word_embedding", 8, 8, bias=False),
    "linear called atom_embedding": _linear("atom_embedding", 9, 8, bias=False, norm=True),
    "table called embedding": _table("embedding", 9, 8),
    "table called wte": _table("wte", 8, 8),
    "table called atom_embedding": _table("atom_embedding", 9, 8),
    "table called anything": _table("thing", 9, 8),
    "graph convolution": Kind(lambda nn: {"gc1": _own_torch((8, 8)), "gc2": _own_torch((8, 8))},
                              lambda nn: {"gc1": _own_paddle((8, 8)), "gc2": _own_paddle((8, 8))}),
    "parameter of any name": _alone("thing", lambda _: _own_torch((8, 8)), lambda _: _own_paddle((8, 8)), (2, 8)),
    "conv1d of gpt2": Kind(
        lambda nn: {"c_fc": _own_torch((8, 32)), "c_proj": _own_torch((32, 8)), "attn": nn.ModuleDict()},
        lambda nn: {"c_fc": nn.Linear(8, 32), "c_proj": nn.Linear(32, 8)},
    ),
    "instance norm called norm": _conv_then("conv", "norm", *_instance()),
    "instance norm by its place": _conv_then("0", "1", *_instance()),
    "instance norm called bn": _conv_then("conv", "bn", *_instance()),
    "instance norm alone": _alone("norm", *_instance(), (2, 4, 5, 5)),
    "instance norm before": Kind(lambda nn: {"norm": nn.InstanceNorm2d(4, affine=True), "conv": nn.Conv2d(4, 3, 1)},
                                 lambda nn: {"norm": nn.InstanceNorm2D(4), "conv": nn.Conv2D(4, 3, 1)}, (2, 4, 5, 5)),
    "instance norm with statistics": _conv_then("conv", "norm", *_instance(track_running_stats=True)),
    "instance norm with statistics by name": _conv_then("conv", "in1", *_instance(track_running_stats=True)),
    "group norm": _conv_then("conv", "gn", lambda nn: nn.GroupNorm(2, 4), lambda nn: nn.GroupNorm(2, 4)),
    "group norm by its place": _conv_then("0", "1", lambda nn: nn.GroupNorm(2, 4), lambda nn: nn.GroupNorm(2, 4)),
    "batch norm": _conv_then("conv", "bn", lambda nn: nn.BatchNorm2d(4), lambda nn: nn.BatchNorm2D(4)),
    "batch norm called norm": _conv_then("conv", "norm", lambda nn: nn.BatchNorm2d(4), lambda nn: nn.BatchNorm2D(4)),
    "prelu called nonlin": _conv_then("conv", "nonlin", *_prelu(1)),
    "prelu of channels by its place": _conv_then("0", "1", *_prelu(4)),
    "prelu called f": _conv_then("conv", "f", *_prelu(4)),
    "prelu after batch norm": Kind(lambda nn: {"0": nn.BatchNorm2d(4), "1": nn.PReLU(4)},
                                   lambda nn: {"0": nn.BatchNorm2D(4), "1": nn.PReLU(4)}, (2, 4, 5, 5)),
    "prelu after linear": Kind(lambda nn: {"0": nn.Linear(8, 4), "1": nn.PReLU(4)},
                               lambda nn: {"0": nn.Linear(8, 4), "1": nn.PReLU(4)}),
    "layer norm of extent one": _alone("layernorm", lambda nn: nn.LayerNorm((1, 9)), lambda nn: nn.LayerNorm((1, 9)),
                                       (2, 1, 9)),
    "layer norm of axes": _alone("norm", lambda nn: nn.LayerNorm((3, 4)), lambda nn: nn.LayerNorm((3, 4)), (2, 3, 4)),
    "layer norm without bias": _alone("ln", lambda nn: nn.LayerNorm(8, bias=False),
                                      lambda nn: nn.LayerNorm(8, bias_attr=False), (2, 8)),
    "layer norm of axes without bias": _alone("ln", lambda nn: nn.LayerNorm((3, 4), bias=False),
                                              lambda nn: nn.LayerNorm((3, 4), bias_attr=False), (2, 3, 4)),
    "bilinear": _alone("bilinear", lambda nn: nn.Bilinear(3, 3, 5), lambda nn: nn.Bilinear(3, 3, 5), (2, 3)),
    "transposed": _alone("up", lambda nn: nn.ConvTranspose2d(3, 4, 3), lambda nn: nn.Conv2DTranspose(3, 4, 3),
                         (2, 3, 5, 5)),
    "lstm": _alone("rnn", lambda nn: nn.LSTM(4, 3, 2, batch_first=True, bidirectional=True),
                   lambda nn: nn.LSTM(4, 3, 2, direction="bidirect"), (2, 5, 4)),
    "gru": _alone("any", lambda nn: nn.GRU(4, 3, batch_first=True), lambda nn: nn.GRU(4, 3), (2, 5, 4)),
    "attention": _alone("attn", lambda nn: nn.MultiheadAttention(8, 2, batch_first=True),
                        lambda nn: nn.MultiHeadAttention(8, 2), (2, 5, 8)),
    "encoder layer": _alone("0", lambda nn: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
                            lambda nn: nn.TransformerEncoderLayer(8, 2, 16), (2, 5, 8)),
    "weight norm": _alone("fc", lambda nn: nn.utils.parametrizations.weight_norm(nn.Linear(8, 3)),
                          lambda nn: nn.utils.weight_norm(nn.Linear(8, 3), dim=1), (2, 8)),
}  # fmt: skip
TORCH, PADDLE = (
    ("pth", "safetensors", "safetensors np", "pkl", "npz", "nested"),
    ("pdparams", "safetensors np", "names"),
)
"""How files of either framework's are written."""


def models(kind: Kind) -> tuple[Any, Any]:
    """The model in torch and in Paddle, in float32, each with its own random state, statistics too."""
    import paddle
    import torch

    paddle.seed(0)
    ours = torch.nn.Module()
    for name, layer in kind.torch(torch.nn).items():
        ours.add_module(name, layer)
    theirs = paddle.nn.Layer()
    for name, layer in kind.paddle(paddle.nn).items():
        theirs.add_sublayer(name, layer)
    stream = np.random.default_rng(0)
    for name, tensor in ours.state_dict().items():
        if tensor.is_floating_point():
            value = stream.uniform(0.2, 1.0, tuple(tensor.shape))
            tensor.copy_(torch.tensor(value))
        elif "num_batches" in name and "Batch" in repr(ours):
            tensor.fill_(3)
    theirs.set_state_dict({
        name: paddle.to_tensor(stream.uniform(0.2, 1.0, tensor.shape).astype(np.float32))
        for name, tensor in theirs.state_dict().items()
    })  # fmt: skip
    return ours.eval(), theirs.eval()


def output(model: Any, shape: tuple[int, ...], make: Callable[[Any], Any]) -> Any:
    """What the layers give one after the other; a shape that begins with -n asks for whole numbers below n."""
    stream = np.random.default_rng(1)
    whole = shape[0] < 0
    x = make(stream.integers(0, -shape[0], (2, *shape[1:])) if whole else stream.normal(size=shape).astype(np.float32))
    for layer in model.children():
        if not list(layer.parameters()):
            continue
        name = type(layer).__name__
        x = layer(x, x, x) if name == "MultiheadAttention" else layer(x, x) if name == "Bilinear" else layer(x)
        x = x[0] if isinstance(x, tuple) else x
    return np.array(x.detach().numpy())


def written(model: Any, form: str, folder: Path) -> Path:
    """A file of a model's state."""
    arrays = {name: np.array(tensor.detach().numpy()) for name, tensor in model.state_dict().items()}
    path = folder / f"a.{form.split()[0]}"
    if form == "npz":
        np.savez(path, **arrays)
    elif form == "pkl":
        path.write_bytes(pickle.dumps({"model": arrays, "__author__": "somebody"}))
    elif form == "safetensors np":
        save_file(arrays, path, metadata={"format": "np"})
    elif form in ("pdparams", "names"):
        import paddle

        path, state = folder / "a.pdparams", model.state_dict()
        paddle.save({tensor.name: tensor for tensor in state.values()} if form == "names" else state, str(path))
    else:
        import torch

        path = folder / ("a.safetensors" if form == "safetensors" else "a.pth")
        if form == "safetensors":
            save_file(arrays, path, metadata={"format": "pt"})
        else:
            nested = {"state_dict": model.state_dict(), "best": torch.tensor(0.5), "epoch": 3}
            torch.save(nested if form == "nested" else model.state_dict(), path)
    return path


def outcome(kind: Kind, framework: str, form: str, folder: Path) -> tuple[str, str]:
    """(a verdict, the message) of one file converted to the other framework.

    "right": it computes the same. "said" and "asked": it may not, and a note or a question names the tensor. "loud":
    the framework refuses to load it. "wrong": none of these.
    """
    import paddle
    import torch

    ours, theirs = models(kind)
    source, target = (ours, theirs) if framework == "torch" else (theirs, ours)
    path = written(source, form, folder)
    result = call(path, folder / ("b.pdparams" if framework == "torch" else "b.pth"), command=convert)
    names = list(open_checkpoint(path))
    if result.exit_code:
        message = str(result.exception)
        asked = isinstance(result.exception, InputError) and ("--from" in message or any(n in message for n in names))
        return ("asked" if asked else "wrong"), message
    if framework == "torch":
        state = paddle.load(str(folder / "b.pdparams"))
        loads = target.set_state_dict(state) == ([], [])
    else:
        state = torch.load(folder / "b.pth", weights_only=True)
        wanted = [name for name in target.state_dict() if "num_batches" not in name]
        if form == "names" and len(state) != len(wanted):
            return "loud", "the model has other tensors"
        if form == "names":  # by the layers' order: Paddle's own names are not the model's
            state = dict(zip(wanted, state.values(), strict=True))
        try:
            missing = target.load_state_dict(state, strict=False)
        except RuntimeError as error:
            return "loud", str(error)
        if missing.unexpected_keys or any("num_batches" not in name for name in missing.missing_keys):
            return "loud", str(missing)
        loads = True
    if loads:
        one, other = output(ours, kind.input, torch.tensor), output(theirs, kind.input, paddle.to_tensor)
        if np.abs(one - other).max() < 1e-5 * np.abs(one).max():  # float32, a layer or two
            return "right", result.stderr
    said = any(name in result.stderr for name in names)
    return ("said" if said else "wrong"), result.stderr
