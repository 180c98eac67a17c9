"""The example of transfer learning: a block in somebody else's ResNet-50, lower layers frozen, in both frameworks."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import ROOT, python
from parity_tests.training.data import made

EXAMPLE = ROOT / "examples" / "fine_tune_resnet50.py"
WORDS = ["--size", "32", "--batch-size", "4", "--epochs", "1"]
RUN = f"""
import runpy, sys
sys.argv = ["fine_tune_resnet50.py", *sys.argv[1:]]
example = runpy.run_path({str(EXAMPLE)!r})
"""
TORCH = """
import torch
# torchvision registers shapes for its compiled operators when imported; these two must exist for that.
library = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    library.define(f"{operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
from torchvision.models import resnet50
"""
PADDLE = "import paddle\nfrom paddle.vision.models import resnet50\n"
SAVE = {"torch": "torch.save(weights, file)", "paddle": "paddle.save(weights, file)"}
WITH_WEIGHTS = """
import os
file = os.path.join(sys.argv[sys.argv.index("--images") + 1], "weights.pdparams")
weights = resnet50().state_dict()
{save}
sys.argv += ["--weights", file]
kept = []
tune = example["fine_tune_in_{backend}"]
example["main"].__globals__["fine_tune_in_{backend}"] = lambda *args: kept.append(tune(*args))
example["main"]()
found = kept[0].state_dict()
for name in ("conv1.weight", "layer2.3.conv3.weight", "layer3.0.conv1.weight"):
    moved = float(abs(found[name] - weights[name]).max())
    print(name, "stays" if moved == 0 else "moves a little" if moved < 1e-3 else "is another")
sys.argv[1:] = "--backend {backend} --limit 4 --size 32 --batch-size 4 --epochs 1".split()
example["main"]()
"""


@pytest.mark.parametrize("backend", ["torch", "paddle"])
def test_a_folder_of_images_with_weights_and_the_digits_without(backend: str, tmp_path: Path, require: Require) -> None:
    require(backend)
    if backend == "torch" and importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    made.image_folder(tmp_path, ((40, 30), (33, 36)))
    first = TORCH if backend == "torch" else PADDLE
    code = first + RUN + WITH_WEIGHTS.format(backend=backend, save=SAVE[backend])
    found = python("-c", code, "--backend", backend, "--images", str(tmp_path), *WORDS)
    assert found.returncode == 0, found.stderr
    assert "4 images to train on, 4 to test, 2 classes" in found.stdout
    assert found.stdout.count("frozen layers as they were, bit for bit: True") == 2
    assert "conv1.weight stays\nlayer2.3.conv3.weight stays\nlayer3.0.conv1.weight moves a little" in found.stdout
    assert found.stdout.count("the block has moved by 1.0e-03") == 2  # by one step of Adam
    assert "4 images to train on, 4 to test, 10 classes" in found.stdout
