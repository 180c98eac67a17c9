"""The blog's own way to train, on our networks: ``paddle.Model(net).prepare(...).fit(...)``, with callbacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks.training.data import Batches
from nlblocks.training.recipes import recipe_named
from nlblocks.training.running import trainer_of
from parity_tests.helpers.trainers import digits, recipe

STEPS = 4


# Paddle's own high-level API copies its tensors in the way that Paddle advises against.
@pytest.mark.filterwarnings("ignore:To copy construct from a tensor:UserWarning")
@pytest.mark.parametrize("variant", ["baseline", "embedded", "dot_product"])
def test_a_fit_is_watched_in_visualdl_and_is_our_training(variant: str, tmp_path: Path, require: Any) -> None:
    """Adam, top-1 and top-5 as in the blog; the loss of each step and the weights are those of our loop, to the bit."""
    require("paddle")
    import paddle
    import visualdl

    spec = recipe(precision="float32", batch_size=32, data={"size": 16}, optimiser={"lr": 1e-3})
    model = recipe_named("digits_ablation").variant(variant).model
    trainer = trainer_of("paddle", spec, model)
    steps = Batches(spec, digits()).steps(0)
    batches = [steps[step] for step in range(STEPS)]
    losses = [float(trainer.step(*batch, lr=1e-3, seed=0)) for batch in batches]

    class Samples(paddle.io.Dataset):
        def __len__(self) -> int:
            return STEPS * 32

        def __getitem__(self, index: int) -> Any:
            images, labels = batches[index // 32]
            return images[index % 32], labels[index % 32, None]

    network = trainer_of("paddle", spec, model).model
    fitted = paddle.Model(network)
    fitted.prepare(
        paddle.optimizer.Adam(1e-3, parameters=network.parameters()),
        paddle.nn.CrossEntropyLoss(),
        paddle.metric.Accuracy(topk=(1, 5)),
    )
    watch = paddle.callbacks.VisualDL(str(tmp_path))
    fitted.fit(Samples(), Samples(), batch_size=32, epochs=1, shuffle=False, verbose=0, callbacks=watch)

    (log,) = tmp_path.glob("vdlrecords.*.log")
    reader = visualdl.LogReader(file_path=str(log))
    seen = {tag: [record.value for record in reader.get_data("scalar", tag)] for tag in reader.get_tags()["scalar"]}
    assert seen["train/loss"] == losses
    answers = [trainer.logits(images).argmax(1) == labels for images, labels in batches]
    assert seen["eval/acc_top1"] == pytest.approx([np.mean(answers)])
    assert seen["eval/acc_top5"][-1] > seen["eval/acc_top1"][-1]
    assert all(
        np.array_equal(v.numpy(), w.numpy())
        for v, w in zip(network.parameters(), trainer.model.parameters(), strict=True)
    )
