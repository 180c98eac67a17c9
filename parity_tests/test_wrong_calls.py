"""Wrong calls as people in a hurry write them in Python: each raises one line that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks import parity, specs
from nlblocks.errors import NLBlocksError
from parity_tests.helpers.blocks import Require

X = np.ones((2, 3, 4, 4))
SPEC = specs.NonLocal(in_channels=3)


class World:
    """What a user has at hand: a block in each framework, and a small model in each."""

    def __init__(self) -> None:
        import paddle
        import torch

        self.torch, self.paddle = torch, paddle
        self.block = nlblocks.build(SPEC, "torch")
        self.other = nlblocks.build(specs.SqueezeExcitation(in_channels=16), "paddle")
        self.left = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))
        self.right = paddle.nn.Sequential(paddle.nn.Conv2D(3, 8, 3), paddle.nn.BatchNorm2D(8))

    def compare(self, **options: Any) -> Any:
        return parity.compare(*(options.pop(side, getattr(self, side)) for side in ("left", "right")), X, **options)

    def assert_parity(self, **options: Any) -> Any:
        from nlblocks.testing import assert_parity

        return assert_parity(self.left, self.right, X, **options)

    def capture(self, **options: Any) -> Any:
        from nlblocks.parity.capturing import capture

        return capture(self.left, X, **options)

    def export(self, what: Any, out: str = "x.onnx", **options: Any) -> Any:
        from nlblocks.exchange import export

        return export(what, out, **({"backend": "torch"} | options))

    def maps(self, net: Any, out: str = "maps", **options: Any) -> Any:
        from nlblocks.maps import draw, read_images

        return draw(net, read_images(["nothere.png"]) if not options else [], out, **options)

    def recipe(self, **fields: Any) -> Any:
        from dataclasses import replace

        from nlblocks.training.recipes import recipe_named

        return replace(recipe_named("digits_ablation"), **fields)

    def port(self, entry: str, out: str = "OUT", **options: Any) -> Any:
        from nlblocks.port import port

        return port([entry], out, **options)


WRONG: list[tuple[str, Callable[[World], Any], str]] = [
    # names
    ("nlblocks.NonLocl", lambda w: nlblocks.NonLocl, "did you mean NonLocal?"),
    ("nlblocks.biuld", lambda w: nlblocks.biuld, "did you mean build?"),
    ("specs.NonLoca", lambda w: specs.NonLoca, "did you mean NonLocal?"),
    ("nlblocks_torch.NonLocl", lambda w: __import__("nlblocks_torch").NonLocl, "did you mean NonLocal?"),
    ("nlblocks_paddle.CBMA", lambda w: __import__("nlblocks_paddle").CBMA, "did you mean CBAM?"),
    ("use pytorch", lambda w: nlblocks.use("pytorch"), "did you mean torch?"),
    ("use a module", lambda w: nlblocks.use(w.torch), "must be one of 'torch'"),
    ("package paddlepaddle", lambda w: nlblocks.package("paddlepaddle"), "did you mean paddle?"),
    # specs
    ("spec_from_dict of a class name", lambda w: nlblocks.spec_from_dict({"kind": "NonLocal"}), "in_channels"),
    ("spec_from_dict non_locl", lambda w: nlblocks.spec_from_dict({"kind": "non_locl"}), "did you mean non_local?"),
    ("spec_from_dict without kind", lambda w: nlblocks.spec_from_dict({"in_channels": 3}), "needs a 'kind'"),
    ("spec_from_dict of a spec", lambda w: nlblocks.spec_from_dict(SPEC), "must be a mapping"),
    (
        "a misspelt field from a dict",
        lambda w: nlblocks.spec_from_dict({"kind": "non_local", "in_chanels": 4}),
        "did you mean in_channels?",
    ),
    ("no width", lambda w: specs.NonLocal(in_channels=0), "in_channels=0 must be at least 1"),
    ("a width as text", lambda w: specs.NonLocal(in_channels="64"), "must be an int"),
    ("mode dot", lambda w: specs.NonLocal(in_channels=4, mode="dot product"), "did you mean dot_product?"),
    ("mode Gaussian", lambda w: specs.NonLocal(in_channels=4, mode="Gaussian"), "did you mean gaussian?"),
    ("norm as text", lambda w: specs.NonLocal(in_channels=4, norm="batch_norm"), "must be a BatchNorm or None"),
    ("a variance", lambda w: specs.BatchNorm(variance="unbias"), "did you mean unbiased?"),
    ("a block's field", lambda w: __import__("nlblocks_torch").NonLocal(in_chanels=4), "did you mean in_channels?"),
    ("a block of a number", lambda w: __import__("nlblocks_torch").NonLocal(64), "in_channels=64"),
    ("spec and options", lambda w: __import__("nlblocks_torch").NonLocal(SPEC, dims=1), "not both"),
    # blocks
    ("build of a name", lambda w: nlblocks.build("non_local", backend="torch"), "spec must be a block spec"),
    ("build of a class", lambda w: nlblocks.build(specs.NonLocal, backend="torch"), "specs.NonLocal(...)"),
    ("build in pytorch", lambda w: nlblocks.build(SPEC, backend="pytorch"), "did you mean torch?"),
    ("build with a dtype", lambda w: nlblocks.build(SPEC, "torch", dtype="fp32"), "'float32'"),
    ("build with torch's dtype", lambda w: nlblocks.build(SPEC, "torch", dtype=w.torch.float32), "'float32'"),
    ("build with a seed", lambda w: nlblocks.build(SPEC, "torch", seed="0"), "seed='0' must be an int"),
    ("run of a spec", lambda w: nlblocks.run(SPEC, X), "nlblocks.build(spec"),
    ("run of a shape", lambda w: nlblocks.run(w.block, (2, 3, 4, 4)), "is a shape; give an array of it"),
    ("run of other channels", lambda w: nlblocks.run(w.block, np.ones((2, 5, 4, 4))), "it must have 3"),
    ("run of text", lambda w: nlblocks.run(w.block, "x.npy"), "expected an array"),
    ("run with another gradient", lambda w: nlblocks.run(w.block, X, grad_output=np.ones(3)), "the output's"),
    ("verify of a kind", lambda w: nlblocks.verify("non_local"), "spec must be a block spec"),
    ("verify of a block", lambda w: nlblocks.verify(w.block), "spec must be a block spec"),
    ("verify in pytorch", lambda w: nlblocks.verify(SPEC, backends=["pytorch", "paddle"]), "did you mean torch?"),
    ("verify in one", lambda w: nlblocks.verify(SPEC, backends="torch"), "such as ('torch', 'paddle')"),
    ("verify on a shape", lambda w: nlblocks.verify(SPEC, input_shape="2,3,4,4"), "shape"),
    # states and files
    ("transfer to another kind", lambda w: nlblocks.transfer(w.block, w.other), "both must be of one kind"),
    ("transfer of a model", lambda w: nlblocks.transfer(w.left, w.block), "is not an nlblocks block"),
    ("load_state of a path", lambda w: nlblocks.load_state(w.block, "net.pth"), "must be a mapping of arrays"),
    ("load_state of another", lambda w: nlblocks.load_state(w.block, {"theta.wieght": X}), "theta.weight is missing"),
    ("load_state of a model", lambda w: nlblocks.load_state(w.left, {}), "is not an nlblocks block"),
    ("state_of a model", lambda w: nlblocks.state_of(w.left), "is not an nlblocks block"),
    ("load of nothing", lambda w: nlblocks.load("nothere.pth", "torch"), "nothere.pth: cannot be read: No such file"),
    ("load without a spec", lambda w: nlblocks.load("net.pth", "torch"), "carries no spec"),
    ("load with a kind", lambda w: nlblocks.load("net.pth", "torch", spec="non_local"), "spec must be that of a block"),
    ("load with a dialect", lambda w: nlblocks.load("net.pth", "torch", SPEC, "alexhex"), "did you mean alexhex7?"),
    ("load into a spec", lambda w: nlblocks.load("net.pth", into=SPEC), "model must be a torch.nn.Module"),
    ("save to an ending", lambda w: nlblocks.save(w.block, "block.ckpt"), ".safetensors"),
    ("save to no folder", lambda w: nlblocks.save(w.block, "nowhere/block.pth"), "no folder nowhere; make it first"),
    ("save of a state", lambda w: nlblocks.save({"a": X}, "block.pth"), "a state needs its spec"),
    ("save of a path", lambda w: nlblocks.save("net.pth", "block.pth"), "is not an nlblocks block"),
    ("dialects.get", lambda w: nlblocks.dialects.get("alexhex"), "did you mean alexhex7?"),
    (
        "a dialect's class",
        lambda w: nlblocks.dialects.get("alexhex7").spec("NonLocalBlock2D", in_channels=4),
        "did you mean NONLocalBlock2D?",
    ),
    (
        "a dialect's argument",
        lambda w: nlblocks.dialects.get("alexhex7").spec("NONLocalBlock2D", in_chanels=4),
        "did you mean in_channels?",
    ),
    # plugs
    ("insert at a path", lambda w: nlblocks.insert(w.left, "2", SPEC), "has no module '2'"),
    ("insert of a kind", lambda w: nlblocks.insert(w.left, "0", "non_local"), "spec must be a block spec"),
    ("insert into a spec", lambda w: nlblocks.insert(SPEC, "0", SPEC), "must be a torch.nn.Module"),
    ("insert somewhere", lambda w: nlblocks.insert(w.left, "0", SPEC, "behind"), "'after'"),
    ("insert of other channels", lambda w: nlblocks.insert(w.left, "0", SPEC, example=(1, 3, 8, 8)), "'0'"),
    ("insert_all nowhere", lambda w: nlblocks.insert_all(w.left, "Conv2D", SPEC, example=(1, 3, 8, 8)), "Conv2d"),
    ("insert_all of a number", lambda w: nlblocks.insert_all(w.left, 5, SPEC, example=(1, 3, 8, 8)), "must be a glob"),
    # comparisons
    ("compare of classes", lambda w: w.compare(left=w.torch.nn.Conv2d), "is a class; give a model"),
    ("compare of paths", lambda w: w.compare(left="net.pth"), "'net.pth' is the name of a file"),
    ("compare of states", lambda w: w.compare(left=w.left.state_dict()), "state_dict"),
    ("compare of specs", lambda w: w.compare(right=SPEC), "nlblocks.build"),
    ("compare on nothing", lambda w: parity.compare(w.left, w.right, ()), "inputs is empty"),
    ("compare on text", lambda w: parity.compare(w.left, w.right, "2,3,8,8"), "a shape such as (2, 3, 224, 224)"),
    ("compare on None", lambda w: parity.compare(w.left, w.right, None), "a shape"),
    ("compare with rename", lambda w: w.compare(rename={"o": "0"}), "'o' is nothing in the left model"),
    ("compare with a renaming list", lambda w: w.compare(rename=["0", "1"]), "must be a dict of names"),
    ("compare with a seed", lambda w: w.compare(seed="zero"), "seed='zero' must be an int"),
    ("compare with steps", lambda w: w.compare(steps=-1), "at least 0"),
    ("compare with an optimiser", lambda w: w.compare(optimiser="Adam"), "did you mean adam?"),
    ("compare with torch's optimiser", lambda w: w.compare(optimiser=w.torch.optim.Adam), "two functions"),
    ("compare accepting", lambda w: w.compare(accept="batch_norm.varience"), "did you mean batch_norm.variance"),
    ("compare with targets", lambda w: w.compare(targets=3), "targets: 3 is no input"),
    ("compare with a progress bar", lambda w: w.compare(progress=True), "progress=True must be a function"),
    ("compare with randomise", lambda w: w.compare(randomise="no"), "randomise='no' must be True or False"),
    ("compare with transfer", lambda w: w.compare(transfer="no"), "transfer='no' must be True or False"),
    ("compare with training", lambda w: w.compare(training="eval"), "training='eval' must be True or False"),
    ("compare with initialisation", lambda w: w.compare(initialisation=2), "initialisation=2 must be True or False"),
    ("assert_parity accepting", lambda w: w.assert_parity(accept=["batch_norm"]), "batch_norm.variance"),
    ("a report to a folder", lambda w: w.compare(steps=0, training=False).save("nowhere/r.html"), "no folder nowhere"),
    ("capture like a number", lambda w: w.capture(like=5), "expected a file name, received 5"),
    # exports, ports, maps, recipes
    ("export of a name", lambda w: w.export("non_local"), "'non_local' is the name of"),
    ("export of other dtypes", lambda w: w.export(w.block, dtype="float16"), "'float32'"),
    ("export to pt", lambda w: w.export(w.block, "block.pt"), ".onnx"),
    ("export to no folder", lambda w: w.export(w.block, "nowhere/block.onnx"), "no folder nowhere; make it first"),
    ("port of a name", lambda w: w.port("blog"), "MODULE:NAME"),
    ("maps of no image", lambda w: w.maps(w.block), "nothere.png"),
    ("maps of none", lambda w: w.maps(w.block, layers=["attention"]), "image"),
    ("a recipe's epochs", lambda w: w.recipe(epochs=0), "epochs=0 must be at least 1"),
    ("a recipe's precision", lambda w: w.recipe(precision="fp32"), "must be one of 'float32'"),
    ("a recipe", lambda w: w.recipe().variant("non_locl"), "did you mean non_local?"),
]


@pytest.fixture(scope="module")
def world(require: Require) -> World:
    require("torch", "paddle")
    return World()


@pytest.fixture
def folder(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the calls are made: a checkpoint lies there."""
    world.torch.save(world.torch.nn.Linear(4, 3).state_dict(), tmp_path / "net.pth")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("wrong", "says"), [row[1:] for row in WRONG], ids=[name for name, *_ in WRONG])
def test_a_wrong_call_is_one_helpful_line(wrong: Callable[[World], Any], says: str, world: World, folder: Path) -> None:
    with pytest.raises((NLBlocksError, AttributeError)) as caught:
        wrong(world)
    assert len(str(caught.value).splitlines()) == 1
    assert says in str(caught.value)
    assert [path.name for path in folder.iterdir()] == ["net.pth"]
