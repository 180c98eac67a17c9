"""Programs that a framework makes of a model: what works with them, and one line where it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nlblocks
from nlblocks import parity, specs
from nlblocks.errors import InputError
from nlblocks.parity.capturing import capture
from parity_tests.helpers.blocks import Require

SPEC = specs.NonLocal(in_channels=4)
SHAPE = (2, 3, 6, 6)


@pytest.fixture
def torch(require: Require) -> Any:
    require("torch")
    import torch

    return torch


def net(torch: Any) -> Any:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval()


PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "script": lambda torch, model: torch.jit.script(model),
    "trace": lambda torch, model: torch.jit.trace(model, torch.ones(SHAPE)),
    "frozen": lambda torch, model: torch.jit.freeze(torch.jit.script(model)),
    "export": lambda torch, model: torch.export.export(model, (torch.ones(SHAPE),)).module(),
    "a part": lambda torch, model: torch.nn.Sequential(torch.jit.script(model), torch.nn.ReLU()),
}
USES: dict[str, Callable[[Any, Any], Any]] = {
    "compare": lambda model, other: parity.compare(other, model, SHAPE),
    "capture": lambda model, other: capture(model, SHAPE),
    "insert": lambda model, other: nlblocks.insert(model, "0", SPEC),
    "insert_all": lambda model, other: nlblocks.insert_all(model, "Conv2d", SPEC, example=SHAPE),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("made", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_of_torch_is_said_to_be_one(made: Any, use: Any, torch: Any) -> None:
    model = made(torch, net(torch))
    with pytest.raises(InputError, match=r"is a program of torch\.(jit|export), which .*; give the module") as caught:
        use(model, net(torch))
    assert len(str(caught.value).splitlines()) == 1


def test_a_module_that_fx_has_written_is_one_like_any_other(torch: Any) -> None:
    model = net(torch)
    written = torch.fx.symbolic_trace(net(torch))
    assert parity.compare(model, written, SHAPE, steps=0)
    assert nlblocks.insert_all(written, "Conv2d", SPEC, example=SHAPE) == ["0"]


def test_a_program_that_paddle_has_loaded_is_said_to_be_one(tmp_path: Path, require: Require) -> None:
    require("paddle")
    import paddle

    made = paddle.nn.Sequential(paddle.nn.Linear(4, 3))
    paddle.jit.save(made, str(tmp_path / "net"), input_spec=[paddle.static.InputSpec([None, 4])])
    loaded = paddle.jit.load(str(tmp_path / "net"))
    for use in (lambda: parity.compare(made, loaded, (2, 4)), lambda: nlblocks.insert(loaded, "0", SPEC)):
        with pytest.raises(InputError, match=r"is a program of paddle\.jit\.load, which .*; give the module"):
            use()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("inside", [False, True])
def test_what_does_not_compile_a_block_is_said(inside: bool, torch: Any) -> None:
    block = nlblocks.build(SPEC, "torch").eval()
    model = torch.nn.Sequential(torch.nn.ReLU(), block) if inside else block
    for make, says in ((torch.jit.script, r"use torch\.jit\.trace"), (torch.fx.symbolic_trace, "is_leaf_module")):
        with pytest.raises(InputError, match=f"NonLocal: .*{says}"):
            make(model)


@pytest.mark.filterwarnings("ignore")  # that what a trace checks is fixed in it
def test_a_block_is_traced_and_a_leaf_of_fx(torch: Any) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 1), nlblocks.build(SPEC, "torch")).eval()
    x = torch.ones(1, 4, 5, 5)

    class Tracer(torch.fx.Tracer):  # type: ignore[misc]
        def is_leaf_module(self, module: Any, name: str) -> bool:
            return hasattr(module, "spec") or bool(super().is_leaf_module(module, name))

    for made in (torch.jit.trace(model, x), torch.fx.GraphModule(model, Tracer().trace(model))):
        assert torch.equal(made(x), model(x))
