"""Each framework's own loader hands out the batches of the recipe, whatever prepares them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nlblocks.training.data import Batches
from nlblocks.training.running import Options, trainer_of
from parity_tests.helpers.trainers import FRAMEWORKS, NET, digits, recipe


@pytest.mark.parametrize("backend", FRAMEWORKS)
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_recipes(backend: str, workers: int, require: Any) -> None:
    """Cropped and flipped, in an epoch that is gone on with in its middle: bit by bit, in order, all of them."""
    require(backend)
    spec = recipe(data={"size": 8, "flip": True, "crop": 1}, batch_size=128)
    batches = Batches(spec, digits())
    trainer = trainer_of(backend, spec, NET, Options(workers=workers))
    steps = batches.steps(1, 2)
    found = [(np.array(images.numpy()), np.array(labels.numpy())) for images, labels in trainer.loader(batches, 1, 2)]
    assert len(found) == len(steps) == batches.steps_per_epoch - 2
    for step, (images, labels) in enumerate(found):
        expected = steps[step]
        assert images.dtype == np.float32
        assert labels.dtype == np.int64
        assert np.array_equal(images, expected[0])
        assert np.array_equal(labels, expected[1])
