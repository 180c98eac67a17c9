"""Objects beside the weights, and whole pickled models: nothing is made or run, and none of them is a tensor."""

from __future__ import annotations

import argparse
import collections
import datetime
import enum
import pathlib
import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks.commands.files import convert, inspect
from nlblocks.errors import InputError
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.command_line import call, output_of
from parity_tests.helpers.hostile import bounded, paddle, refused


class Colour(enum.Enum):
    RED = 1


@pytest.fixture
def foreign() -> Iterator[Any]:
    """Makes an object of a class in a module that is gone when the file is read."""
    made: list[str] = []

    def make(module: str, name: str, base: type = object, **attributes: Any) -> Any:
        parts = module.split(".")
        for depth in range(1, len(parts) + 1):
            if ".".join(parts[:depth]) not in sys.modules:
                made.append(".".join(parts[:depth]))
                sys.modules[made[-1]] = types.ModuleType(made[-1])
        cls = type(name, (base,), {"__module__": module})
        setattr(sys.modules[module], name, cls)
        found = cls()
        found.__dict__.update(attributes)
        return found

    yield make
    for name in made:
        sys.modules.pop(name, None)


def beside(foreign: Any) -> dict[str, tuple[Any, str]]:
    """What trainers put beside the weights, and how it is listed."""
    config = foreign("omegaconf.dictconfig", "DictConfig", _content={"lr": 1.0})
    items = foreign("easydict", "EasyDict", dict, lr=1.0)
    items["lr"] = 1.0
    return {
        "args": (argparse.Namespace(lr=1.0), "args (argparse.Namespace)"),
        "config": (config, "config (omegaconf.dictconfig.DictConfig)"),
        "history": (foreign("mmengine.logging", "HistoryBuffer", mean=1.0), "(mmengine.logging.HistoryBuffer)"),
        "opt": (pathlib.PurePosixPath("/a"), "opt (pathlib.PurePosixPath)"),
        "date": (datetime.datetime(2020, 1, 1), "date (datetime.datetime)"),
        "colour": (Colour.RED, "Colour)"),
        "when": (np.datetime64("2020-01-01"), "when (numpy scalar of dtype M8)"),
        "labels": (np.array(["a", None], dtype=object), "labels (numpy.ndarray of dtype O8)"),
        "easy": (items, "easy.lr = 1.0"),
        "default": (collections.defaultdict(list, a=1), "default.a = 1"),
        "deque": (collections.deque([1], maxlen=3), "deque.0 = 1"),
        "text": (np.str_("x"), "text (numpy scalar of dtype U1)"),
        "keyed": ({(1, 2): 3, Colour.RED: 4}, "keyed.(1, 2) = 3"),
    }


@pytest.mark.parametrize("new_format", [True, False])
def test_the_weights_are_read_and_what_lies_beside_them_is_listed(
    tmp_path: Path, require: Any, foreign: Any, new_format: bool
) -> None:
    require("torch")
    import torch

    weight = torch.randn(3, 4)
    others = beside(foreign)
    content = {
        "model": {"fc.weight": weight, "fc.bias": weight[:, 0]},
        **{name: row[0] for name, row in others.items()},
    }
    torch.save(content, tmp_path / "m.pth", _use_new_zipfile_serialization=new_format)
    said = output_of(inspect, tmp_path / "m.pth")
    assert [row[1] for row in others.values() if row[1] not in said] == []
    result = call(tmp_path / "m.pth", tmp_path / "m.safetensors", command=convert)
    assert result.exit_code == 0
    assert "not read" not in result.output  # what was converted is the model, whole
    found = open_checkpoint(tmp_path / "m.safetensors").state()
    assert list(found) == ["fc.weight", "fc.bias"]
    assert np.array_equal(found["fc.weight"], weight.numpy())


def test_an_object_among_the_weights_is_told(tmp_path: Path, require: Any) -> None:
    require("torch")
    import torch

    torch.save({"fc.weight": torch.randn(3, 4), "fc.bias": torch.randn(3), "table": argparse.Namespace(a=1)},
               tmp_path / "m.pth")  # fmt: skip
    result = call(tmp_path / "m.pth", tmp_path / "m.safetensors", command=convert)
    assert "not read: table (argparse.Namespace)" in result.output


def test_an_optimiser_as_an_object_is_no_set_of_weights(tmp_path: Path, require: Any) -> None:
    require("torch")
    import torch

    net = torch.nn.Linear(3, 4)
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.randn(2, 3)).sum().backward()
    optimiser.step()
    torch.save({"net": net.state_dict(), "optimizer": optimiser, "state": optimiser.state}, tmp_path / "m.pth")
    found = open_checkpoint(tmp_path / "m.pth")
    assert (found.key, list(found)) == ("net", ["weight", "bias"])
    assert found.unread["optimizer"] == "torch.optim.adam.Adam"


# Whole models


def model(torch: Any) -> Any:
    inner = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    net = torch.nn.Sequential(collections.OrderedDict(body=inner, act=torch.nn.PReLU(), head=torch.nn.Linear(4, 2)))
    net.register_buffer("kept", torch.arange(3.0))
    net.register_buffer("hidden", torch.arange(3.0), persistent=False)
    net.aside = torch.ones(7)  # an attribute, which no state dict has
    net.body[0].register_forward_hook(print)
    return net


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("place", ["whole", "model", "ema.module"])
def test_a_pickled_model_has_the_tensors_of_its_state_dict(
    tmp_path: Path, require: Any, new_format: bool, place: str
) -> None:
    require("torch")
    import torch

    net = model(torch)
    content: Any = {"whole": net, "model": {"epoch": 3, "model": net}, "ema.module": {"ema": {"module": net}}}[place]
    torch.save(content, tmp_path / "m.pt", _use_new_zipfile_serialization=new_format)
    found = open_checkpoint(tmp_path / "m.pt")
    expected = net.state_dict()
    assert list(found) == list(expected)
    for name, value in found.state().items():
        assert np.array_equal(value, expected[name].numpy())
    assert found.key == ("" if place == "whole" else place)
    said = output_of(inspect, tmp_path / "m.pt")
    assert "a pickled torch.nn.modules.container.Sequential, read by its parameters and buffers" in said


def test_a_model_of_a_class_that_is_gone_is_read(tmp_path: Path, require: Any, foreign: Any) -> None:
    require("torch")
    import torch

    net = foreign("yolo.tasks", "DetectionModel", torch.nn.Module)
    net.fc = torch.nn.Linear(2, 2)
    net.names = {0: "cat"}
    torch.save({"model": net, "train_args": argparse.Namespace(a=1)}, tmp_path / "best.pt")
    found = open_checkpoint(tmp_path / "best.pt")
    assert list(found) == ["fc.weight", "fc.bias"]
    assert "yolo.tasks.DetectionModel" in output_of(inspect, tmp_path / "best.pt")


def test_a_tensor_with_attributes_is_that_tensor(tmp_path: Path, require: Any) -> None:
    require("torch")
    import torch

    weight = torch.nn.Parameter(torch.randn(3, 4))
    weight.optim_group = "decay"
    torch.save({"fc.weight": weight, "fc.bias": torch.zeros(3)}, tmp_path / "m.pth")
    assert np.array_equal(open_checkpoint(tmp_path / "m.pth")["fc.weight"].numpy(), weight.detach().numpy())


def test_a_tensor_of_a_class_of_its_own_is_refused(tmp_path: Path, require: Any, foreign: Any) -> None:
    require("torch")
    import torch

    cls = type(foreign("tables", "Packed", torch.Tensor))
    torch.save({"fc.weight": torch.randn(3, 4).as_subclass(cls)}, tmp_path / "m.pth")
    refused(tmp_path / "m.pth", "tables.Packed", "as_subclass")


def test_tensors_of_a_plain_pickle_come_with_advice(tmp_path: Path, require: Any) -> None:
    require("torch")
    import torch

    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"w": torch.ones(2)}))
    refused(tmp_path / "m.pkl", "torch.storage._load_from_bytes", "write it by torch.save")


# What tries to be more


class Claims:
    """What pickles as ``function(*arguments)`` with a state and items."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return self.parts


def test_a_placeholder_never_becomes_a_tensor(tmp_path: Path) -> None:
    array = np.ones((2, 2), np.float32)
    state = {"dtype": "float32", "shape": (2, 2), "tensor": array, "raw": b"\0" * 16, "nbytes": 16}
    tries = {
        "by its state": Claims(argparse.Namespace, (), state),
        "by its arguments": Claims(argparse.Namespace, (array,)),
        "by what it is called": Claims(pathlib.PurePosixPath, ("tensor",)),
    }
    path = tmp_path / "m.pdparams"
    path.write_bytes(pickle.dumps({"w": array, **tries}, 4))
    found = open_checkpoint(path, "")
    assert list(found) == ["w"]
    assert set(found.unread) == set(tries)


@pytest.mark.parametrize("parts", [
    {"_parameters": {"w": 1}, "_modules": {}},
    {"_parameters": [], "_modules": {}},
    {"_parameters": {}, "_buffers": 3, "_modules": {"a": 3}},
    {"_parameters": {}, "_modules": {}, "_non_persistent_buffers_set": {"a": 1}},
])  # fmt: skip
def test_what_only_looks_like_a_model_has_no_tensors(tmp_path: Path, parts: Any) -> None:
    path = tmp_path / "m.pdparams"
    path.write_bytes(pickle.dumps({"model": Claims(argparse.Namespace, (), parts)}, 4))
    refused(path, "no tensor")


def test_a_model_in_itself_is_refused(tmp_path: Path) -> None:
    modules: dict[str, Any] = {}
    net = Claims(argparse.Namespace, (), {"_parameters": {}, "_buffers": {}, "_modules": modules})
    modules["again"] = net
    path = tmp_path / "m.pdparams"
    path.write_bytes(pickle.dumps(net, 4))
    with bounded():
        refused(path, "nested more than 64 deep")


def test_models_that_share_their_modules_do_not_multiply(tmp_path: Path) -> None:
    net: Any = Claims(argparse.Namespace, (), {"_parameters": {}, "_modules": {}})
    for _ in range(40):
        both = {"_parameters": {}, "_modules": {"a": net, "b": net}}
        net = Claims(argparse.Namespace, (), both)
    path = tmp_path / "m.pdparams"
    path.write_bytes(pickle.dumps(net, 4))
    with pytest.raises(InputError, match=r"entries|letters"):
        open_checkpoint(path)


def test_a_flood_of_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.pdparams"
    path.write_bytes(paddle(b"\x80\2cargparse\nNamespace\nq\0" + b"h\0)\x81" * 300_000 + b"."))
    with bounded():
        refused(path, "200000 objects")


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_every_protocol_tells_the_class(tmp_path: Path, foreign: Any, protocol: int) -> None:
    items = foreign("addict", "Dict", dict)
    items["w"] = np.ones((2, 2), np.float32)
    content = {"model": items, "args": argparse.Namespace(a=1)}
    (tmp_path / "m.pdparams").write_bytes(pickle.dumps(content, protocol))
    found = open_checkpoint(tmp_path / "m.pdparams", "model")
    assert list(found) == ["w"]
    assert found.unread["args"] == "argparse.Namespace"
