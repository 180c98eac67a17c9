"""nlblocks train on small files in the formats of the real sets: the whole recipe, from the files to the table."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from parity_tests.helpers.blocks import Require
from parity_tests.helpers.command_line import call
from parity_tests.training.data import made

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:click")
SMALL = ("--epochs", "1", "--batch-size", "8")


def narrow(**fields: int) -> str:
    """A list of variants as --variants takes it: a narrow baseline alone."""
    model = {"kind": "attention_resnet", "width": 4, **fields}
    return json.dumps([{"kind": "variant", "name": "baseline", "model": model}])


def trained(*words: object) -> list[str]:
    """What was trained to its end, as "baseline in torch", in order."""
    result = call("train", *words, *SMALL)
    assert result.exit_code == 0, result.output
    return re.findall(r"^run \d+ of \d+, (\w+ in \w+), seed 0: epoch 1 of 1", result.output, re.MULTILINE)


@pytest.mark.parametrize("version", ["python", "binary"])
def test_the_blogs_recipe_on_files_of_cifar10(version: str, tmp_path: Path, require: Require) -> None:
    require("torch", "paddle")
    archive = tmp_path / f"cifar-10-{version}.tar.gz"
    archive.write_bytes(made.tar_gz(made.cifar_files(4, version)[0], "cifar-10-batches"))
    runs = trained("blog_cifar10", "--data", archive, "--variants", narrow())
    assert runs == ["baseline in torch", "baseline in paddle"]


@pytest.mark.parametrize("source", ["mnist", "fashion_mnist"])
def test_the_articles_recipe_on_idx_files(source: str, tmp_path: Path, require: Require) -> None:
    require("torch", "paddle")
    made.mnist_folder(tmp_path, 16, 8)
    words = ("--width", "4", "--hidden", "8", "--data.source", source, "--data", tmp_path, "--variant", "baseline")
    runs = trained("article_mnist", *words, "--variant", "gaussian")
    assert sorted(runs) == [
        f"{model} in {where}" for model in ("baseline", "gaussian") for where in ("paddle", "torch")
    ]


def test_a_folder_of_images(tmp_path: Path, require: Require) -> None:
    require("torch", "paddle")
    made.image_folder(tmp_path, ((40, 30), (50, 60), (33, 33), (35, 36)))
    words = ("blog_cifar10", "--source", "folder", "--data", tmp_path, "--flip", "true", "--variants")
    assert trained(*words, narrow(num_classes=2), "--size", "32") == ["baseline in torch", "baseline in paddle"]
    for more, message in (
        ((narrow(), "--size", "32"), "gives [10] where the images have 2 classes; set variants.model.num_classes to 2"),
        ((narrow(num_classes=2), "--size", "none"), "the images differ in size; set data.size"),
    ):
        result = call("train", *words, *more, *SMALL)
        assert result.exit_code == 2
        assert message in result.output
        assert len(result.output.splitlines()) == 1
