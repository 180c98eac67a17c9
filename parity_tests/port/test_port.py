"""A small Paddle package, ported: readable files, strict weights, a proof that can fail, plain errors."""

from __future__ import annotations

import importlib.util
import json
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("libcst")

from nlblocks.errors import BackendError, InputError
from nlblocks.port import port
from nlblocks.port.job import Job
from nlblocks.port.port import _worker
from parity_tests.helpers.command_line import call

REGISTRY = '''
"""Networks by name."""

NETWORKS = {}


def register(cls):
    NETWORKS[cls.__name__] = cls
    return cls
'''
PARTS = '''
# Parts of the network.
import paddle
from paddle import ParamAttr
from paddle.nn import Conv2D, BatchNorm2D
import paddle.nn.functional as F
import paddle.nn as nn
from paddle.nn.initializer import Constant


class Unused(nn.Layer):
    pass


class ConvNorm(nn.Layer):
    """A convolution and its normalisation."""

    def __init__(self, inner, outer, act="relu", data_format="NCHW"):
        super().__init__()
        self.conv = Conv2D(
            in_channels=inner,
            out_channels=outer,  # how many come out
            kernel_size=3,
            padding=1,
            bias_attr=False,
            data_format=data_format)
        self.norm = BatchNorm2D(outer, weight_attr=ParamAttr(initializer=Constant(0.5)))
        self.act = getattr(F, act)

    def forward(self, x):
        return self.act(self.norm(self.conv(x)))
'''
NET = """
import numpy as np
import paddle
import paddle.nn as nn

import shop.parts as parts
from .registry import register

SIZES = np.array([4, 6]).reshape([-1])


@register
class Net(nn.Layer):
    def __init__(self, classes=3):
        super().__init__()
        self.body = nn.Sequential(parts.ConvNorm(3, int(SIZES[0])), parts.ConvNorm(4, int(SIZES[1]), act="swish"))
        self.head = nn.Linear(6, classes)

    def forward(self, x, flip=False):
        x = self.body(x)
        if flip:
            x = paddle.flip(x, axis=[3])
        b, c = x.shape[:2]
        x = x.reshape([0, c, -1]).transpose([0, 2, 1])
        return self.head(paddle.mean(x, axis=1))
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    package = folder / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("from .net import Net\n")
    for name, text in (("registry", REGISTRY), ("parts", PARTS), ("net", NET)):
        (package / f"{name}.py").write_text(textwrap.dedent(text).lstrip())
    return folder


def arrays_of_net() -> dict[str, np.ndarray]:
    """Weights of the Paddle network."""
    shapes = {"head.weight": (6, 3), "head.bias": (3,)}
    for n, (inner, outer) in enumerate(((3, 4), (4, 6))):
        shapes[f"body.{n}.conv.weight"] = (outer, inner, 3, 3)
        shapes |= {f"body.{n}.norm.{name}": (outer,) for name in ("weight", "bias", "_mean", "_variance")}
    draw = np.random.default_rng(0)
    return {name: draw.uniform(0.5, 2, size=shape).astype("float32") for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def ported(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "torch"
    weights = tmp_path_factory.mktemp("weights") / "trained.npz"
    np.savez(weights, **arrays_of_net())
    return port("shop.net:Net", out, path=[sources], inputs="2,3,5,6", weights=[weights]), out


def test_it_is_proven_but_for_the_variance(ported, require) -> None:
    require("torch", "paddle")
    report, _ = ported
    assert report, str(report)
    assert report.verdict == "proven except"
    assert report.accepted == ("batch_norm.variance",)
    assert report.error is not None
    assert not report.refused
    assert report.status == 0
    assert json.dumps(report.to_dict())


def test_the_files_read_like_a_persons(ported) -> None:
    _, out = ported
    parts = (out / "shop_torch" / "parts.py").read_text()
    assert "Unused" not in parts
    assert "# Parts of the network." in parts
    assert "out_channels=outer,  # how many come out" in parts
    assert "nn.init.constant_(self.norm.weight, val=0.5)" in parts
    assert "bias=False" in parts
    assert "{'swish': 'silu'}" in parts
    net = (out / "shop_torch" / "net.py").read_text()
    assert "register" not in net
    assert "np.array([4, 6]).reshape([-1])" in net
    assert "x = x.reshape(x.shape[0], c, -1).permute(0, 2, 1)" in net
    assert not (out / "shop_torch" / "registry.py").exists()
    assert "paddle" not in parts + net


def test_lines_that_never_ran_are_told(ported) -> None:
    report, out = ported
    (found,) = report.unproven["shop_torch/net.py"]
    assert "torch.flip" in (out / "shop_torch" / "net.py").read_text().splitlines()[found[0] - 1]


def test_the_weights_are_strict_for_the_port(ported, require, monkeypatch) -> None:
    require("torch")
    import torch

    report, out = ported
    monkeypatch.syspath_prepend(str(out))
    from shop_torch.net import Net  # type: ignore[import-not-found]

    assert Path(report.weights) == out / "trained.pth"
    net = Net()
    net.load_state_dict(torch.load(report.weights), strict=True)
    own = arrays_of_net()
    assert np.array_equal(net.head.weight.detach().numpy(), own["head.weight"].T)
    assert np.array_equal(net.body[1].norm.running_var.numpy(), own["body.1.norm._variance"])
    for name in [name for name in sys.modules if name.startswith("shop_torch")]:
        del sys.modules[name]


def test_a_fault_in_the_port_is_found(ported, sources, tmp_path, require) -> None:
    require("torch", "paddle")
    _, out = ported
    job = Job.of(["shop.net:Net"], tmp_path, path=[sources], kwargs="", inputs=["2,3,5,6"], weights=(), setup=None)
    for name in ("__init__.py", "net.py", "parts.py"):
        text = (out / "shop_torch" / name).read_text()
        target = tmp_path / "shop_torch" / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text.replace("permute(0, 2, 1)", "permute(0, 2, 1).flip(1).cumsum(1)"))
    found = _worker("prove", job)
    assert found["verdict"] == "different", found


@pytest.mark.parametrize(
    ("entry", "given", "said"),
    [
        ("shop.net", {}, "write MODULE:NAME"),
        ("shop.net:Net", {"path": ["nowhere"]}, "is no folder"),
        ("shop.net:Net", {"inputs": "2,x"}, "must be a shape"),
        ("shop.net:Net", {"weights": ["none.pdparams"]}, "is no file"),
        ("shop.net:Net", {"kwargs": "a=("}, "--kwargs"),
        ("shop.net:Gone", {}, "has no Gone"),
        ("shop.gone:Net", {}, "cannot import shop.gone"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(sources, tmp_path, entry, given, said, require) -> None:
    require("torch", "paddle")
    out = tmp_path / "out"
    with pytest.raises(InputError, match=said.replace(".", r"\.")) as error:
        port(entry, out, **{"path": [sources], **given})
    assert "\n" not in str(error.value)
    assert not out.exists()


@pytest.mark.parametrize(
    ("fault", "there"),
    [("lacks", False), ("has another shape for", True), ("does not have", False), ("unreadable", True)],
)
def test_weights_that_do_not_fit_leave_out_as_it_was(sources, tmp_path, require, fault, there) -> None:
    require("torch", "paddle")
    file, out = tmp_path / "weights.npz", tmp_path / "out"
    other = {"head.bias": np.ones(4)} if fault.startswith("has") else {"more": np.ones(1)} if "not" in fault else {}
    arrays = {**arrays_of_net(), **other}
    np.savez(file, **{name: value for name, value in arrays.items() if fault != "lacks" or name != "head.bias"})
    if fault == "unreadable":
        file.write_bytes(b"PK\3\4 and no more")
    if there:
        out.mkdir()
    done = call("port", "shop.net:Net", out, "--path", sources, "--input", "2,3,5,6", "--weights", file)
    assert done.exit_code == 2, done.output
    (said,) = [line for line in done.output.splitlines() if "weights.npz" in line]
    assert fault in said or fault == "unreadable"
    assert "([4], in the model [" in said or not fault.startswith("has")
    assert "Traceback" not in done.output
    assert sorted(tmp_path.rglob("*")) == ([out] if there else []) + [file]


def test_without_paddle_the_port_says_what_to_install(sources, tmp_path, monkeypatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "paddle" else real(name, *more)
    )
    with pytest.raises(BackendError, match=r"needs paddle, which is not installed.*nlblocks\[paddle\]"):
        port("shop.net:Net", tmp_path / "out", path=[sources])
    assert not (tmp_path / "out").exists()


def test_a_full_folder_is_left_alone(sources, tmp_path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        port("shop.net:Net", tmp_path, path=[sources])
    assert [one.name for one in tmp_path.iterdir()] == ["kept.txt"]
