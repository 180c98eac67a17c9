"""``nlblocks maps`` as a user types it: checkpoints and models in, panels and a page out; bad input leaves nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nlblocks
from nlblocks.specs import CBAM, AttentionResNet, DigitNet
from nlblocks.training.recipes import recipe_named
from parity_tests.helpers.blocks import BACKENDS, NATIVE, Require, built
from parity_tests.helpers.checkout import PUBLISHED, python
from parity_tests.helpers.command_line import call
from parity_tests.helpers.pictures import image_file

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:click")
MODELS = "parity_tests.helpers.user_models"


def digit_net(folder: Path) -> Path:
    """A checkpoint that carries its spec."""
    path = folder / "net.safetensors"
    nlblocks.save(built(DigitNet(), "torch", "float32"), path)
    return path


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_checkpoint_that_carries_its_spec(backend: str, tmp_path: Path, require: Require) -> None:
    require("torch", *{backend} & set(NATIVE))
    net, images = digit_net(tmp_path), [image_file(tmp_path / f"{name}.png", mode="RGB") for name in "ab"]
    out = tmp_path / "out"
    chosen = ("--image", images[0], "--image", images[1], "--backend", backend, "--out", out)
    result = call("maps", net, *chosen, "--query", "3,20", "--query", "9,9")
    assert result.exit_code == 0, result.output
    assert "  nl_2: each of 7×7 positions reads of 3×3\n" in result.output
    panels = {f"{image}.{layer}.png" for image in "ab" for layer in ("nl_1", "nl_2")}
    assert {path.name for path in out.iterdir()} == {*panels, "maps.html"}
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in panels)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_checkpoint_that_is_kept_in_half_precision(backend: str, tmp_path: Path, require: Require) -> None:
    require("torch", *{backend} & set(NATIVE))
    state = nlblocks.state_of(built(DigitNet(), "torch", "float32"))
    nlblocks.save({name: value.astype(np.float16) for name, value in state.items()}, tmp_path / "a.pth", DigitNet())
    image = image_file(tmp_path / "a.png", mode="RGB")
    result = call("maps", tmp_path / "a.pth", "--image", image, "--backend", backend, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published checkpoint is another project's data")
def test_the_published_checkpoint(tmp_path: Path, require: Require) -> None:
    require(*NATIVE)
    words = ("maps", PUBLISHED / "net.pth", "--dialect", "alexhex7", "--image", PUBLISHED / "sample.png")
    whole = call(*words, "--kind", "digit_net", "--out", tmp_path / "a", "--layer", "nl_1", "--backend", "paddle")
    assert whole.exit_code == 0, whole.output
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"maps.html", "sample.nl_1.png"}
    refused = call(*words, "--out", tmp_path / "b")
    assert refused.exit_code == 2
    assert "net.pth carries no spec; say what it is with --kind" in refused.output
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("framework", NATIVE)
def test_a_model_of_the_users(framework: str, tmp_path: Path, require: Require) -> None:
    require(framework)
    base, conv = {"torch": ("Module", "Conv2d"), "paddle": ("Layer", "Conv2D")}[framework]
    (tmp_path / "mine.py").write_text(
        f"import {framework}.nn as nn\nimport nlblocks_{framework} as nl\n\n\n"
        f"class Net(nn.{base}):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.stem = nn.Sequential(nn.{conv}(3, 8, 3, 2), nl.SqueezeExcitation(in_channels=8, ratio=2))\n"
        "        self.look = nl.PositionAttention(in_channels=8)\n\n"
        "    def forward(self, x):\n        return self.look(self.stem(x))\n"
    )
    image_file(tmp_path / "x.jpg", (40, 30), "RGB")
    words = ["maps", "mine:Net", "--image", "x.jpg", "--size", "17,21", "--mean", "0.5", "--std", "0.2,0.3,0.4"]
    result = python("-W", "ignore", "-m", "nlblocks", *words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[:3] == [
        f"mine:Net: Net ({framework})",
        "  stem.1: 8 channels are scaled",
        "  look: each of 8×10 positions reads of 8×10",
    ]
    assert {path.name for path in (tmp_path / "maps").iterdir()} == {"maps.html", "x.stem.1.png", "x.look.png"}


def test_a_checkpoint_of_a_run_gets_images_as_in_training(tmp_path: Path, require: Require) -> None:
    require("torch")
    recipe = recipe_named("digits_ablation")
    model = recipe.variant("dot_product").model
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "recipe.json").write_text(json.dumps(recipe.to_dict()))
    trained, alone = run / "checkpoints" / "step-00000004.safetensors", tmp_path / "alone.safetensors"
    for path in (trained, alone):
        nlblocks.save(built(model, "torch", "float32"), path)
    image = image_file(tmp_path / "x.png", (9, 9), "RGB")

    def page(name: str, *words: object) -> str:
        result = call("maps", *words, "--image", image, "--out", tmp_path / name)
        assert result.exit_code == 0, result.output
        assert ("recipe.json says" in result.output) == (words[0] == trained)
        return (tmp_path / name / "maps.html").read_text().replace("step-00000004", "alone")

    settings = ("--size", recipe.data.size, "--mean", recipe.data.mean[0], "--std", recipe.data.std[0])
    assert page("a", trained) == page("b", alone, *settings)
    assert page("c", trained, "--mean", "0", "--size", "40") == page("d", alone, "--size", "40", "--std", "0.5")
    assert page("e", alone) != page("a", trained)


def test_bad_input_is_said_in_one_line_and_leaves_nothing(tmp_path: Path, require: Require) -> None:
    require("torch")
    net, image, other = digit_net(tmp_path), image_file(tmp_path / "x.png"), image_file(tmp_path / "y.png", (20, 28))
    plain = tmp_path / "plain.safetensors"
    nlblocks.save(built(AttentionResNet(width=4, in_channels=1), "torch", "float32"), plain)
    (tmp_path / "words.png").write_text("words")
    (tmp_path / "file").write_text("")
    out = tmp_path / "out"
    good = ("--image", image)
    for words, said in {
        (net,): "--image is missing",
        (net, "--image", tmp_path / "none.png"): "none.png is no file; give an image",
        (net, "--image", tmp_path / "words.png"): "words.png is not an image",
        (net, *good, "--layer", "nl_3"): "no layer 'nl_3'; there are 'nl_1', 'nl_2'",
        (net, *good, "--image", other): "DigitNet does not take y of 1×20×28 (C×H×W): ",
        (net, *good, "--query", "28,0"): "query 28,0 lies outside x: y is 0 to 27",
        (net, *good, "--query", "1"): "--query '1' must be whole numbers with commas, such as 12,30",
        (net, *good, "--size", "a"): "--size 'a' must be whole numbers",
        (net, *good, "--mean", "x"): "--mean 'x' must be numbers",
        (net, *good, "--mean", "1,2"): "mean has 2 numbers for 1 channels",
        (net, *good, "--backend", "jax"): "backend 'jax' is unknown",
        (net, *good, "--imgae", "x"): "unknown option '--imgae x'",
        (net, *good, "--kind", "non_local", "--in-channels", "3"): "missing",
        (plain, *good): "AttentionResNet makes no map on x",
        ("torch.nn:Identity", *good): "Identity holds no block of the library",
        ("torch.nn:Identity", *good, "--backend", "torch"): "--backend has no effect here",
        (tmp_path / "none.pth", *good): "none.pth is neither a file nor package.module:name",
    }.items():
        result = call("maps", *words, "--out", out)
        assert result.exit_code == 2, (words, result.output)
        assert said in result.output
        assert result.output.startswith("nlblocks: ")
        assert result.output.count("\n") == 1
        assert not out.exists()
    result = call("maps", net, *good, "--out", tmp_path / "file")
    assert (result.exit_code, "is a file; give a folder" in result.output) == (2, True)


def test_a_block_is_a_model_as_well(tmp_path: Path, require: Require) -> None:
    require("torch")
    nlblocks.save(built(CBAM(in_channels=3, ratio=1), "torch", "float32"), tmp_path / "cbam.pth")
    image = image_file(tmp_path / "x.png", (9, 11))
    result = call("maps", tmp_path / "cbam.pth", "--image", image, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert {"x.channel.png", "x.spatial.png", "maps.html"} <= {path.name for path in tmp_path.iterdir()}
