"""Train the DigitNet that the examples use, and write it beside its recipe.

    python examples/digit_net/train.py [FOLDER]      # needs nlblocks[train,torch]; default: the folder of this file

recipe.json is a recipe of ``nlblocks train``: scikit-learn's digits at 16×16, 20 epochs of Adam, seed 0. The weights
are kept in float16, which halves the file; what the file answers on the test images is measured with the file as it
is, in every framework that is installed. Beside it goes digit.png, the first test image.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import nlblocks
from nlblocks.training.data import Batches, read_data
from nlblocks.training.recipes import Recipe
from nlblocks.training.runs import StudyFolder

HERE = Path(__file__).parent
RECIPE = HERE / "recipe.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE, help="where digit_net.safetensors is written")
    parser.add_argument("--epochs", type=int, help="fewer than the recipe's: to try this script")
    options = parser.parse_args()

    options.folder.mkdir(parents=True, exist_ok=True)
    file = options.folder / "digit_net.safetensors"
    with tempfile.TemporaryDirectory() as study:
        fewer = [] if options.epochs is None else ["--epochs", str(options.epochs)]
        command = ["train", str(RECIPE), "--backend", "torch", "--device", "cpu", "--output", study, *fewer]
        subprocess.run([sys.executable, "-m", "nlblocks", *command], check=True)
        (run,) = StudyFolder(Path(study)).runs()
        state = {name: value.astype(np.float16) for name, value in run.weights().items()}
    recipe = Recipe.from_dict(json.loads(RECIPE.read_text(encoding="utf-8")))
    nlblocks.save(state, file, recipe.variants[0].model)

    test = Batches(recipe, read_data("digits", None)).test
    Image.fromarray(np.asarray(test.images[:1]).squeeze()).save(options.folder / "digit.png")
    print(f"{file}: {file.stat().st_size:,} bytes")
    for backend in sorted({"torch", "paddle"} & set(nlblocks.backend.installed())):
        net = nlblocks.load(file, backend, dtype="float32")
        answers = nlblocks.run(net, test.normalised(np.asarray(test.images[:]))).output.argmax(1)
        right = int((answers == test.labels).sum())
        print(f"{backend}: {right} of {len(test)} test images right, {right / len(test):.1%}")


if __name__ == "__main__":
    main()
