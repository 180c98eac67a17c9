"""Which dict of a file holds the weights, whatever lies beside it; two sets of the same tensors are a question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlblocks.commands.files import convert
from nlblocks.errors import InputError
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.command_line import call


def saved(path: Path, **beside: Any) -> Path:
    """A torch checkpoint; a set is called by the dict in which "net" stands."""
    import torch

    weights = {"fc.weight": torch.randn(3, 4), "fc.bias": torch.randn(3), "norm.weight": torch.randn(4)}
    torch.save({key: weights if value == "net" else value for key, value in beside.items()}, path)
    return path


def layouts() -> dict[str, tuple[str, dict[str, Any]]]:
    import torch

    number, vector, generator = torch.tensor(0.3), torch.randn(512), torch.ones(5056, dtype=torch.uint8)
    state = {"state": {0: {"step": number, "exp_avg": torch.randn(3, 4)}}, "param_groups": [{"params": [0]}]}
    best = {"ModelCheckpoint": {"best_model_score": number, "kth_value": number, "best_k_models": {}}}
    return {
        "imagenet": ("state_dict", {"epoch": 1, "state_dict": "net", "best_acc1": number, "optimizer": state}),
        "pixel2style": ("state_dict", {"state_dict": "net", "latent_avg": vector, "opts": {"size": 512}}),
        "stylegan": ("g_ema", {"g_ema": "net", "latent_avg": vector}),
        "rng": ("model", {"model": "net", "rng_state": generator, "cuda_rng_state": [generator]}),
        "lightning": ("state_dict", {"state_dict": "net", "callbacks": best, "optimizer_states": [state]}),
        "mmengine": ("state_dict", {"meta": {}, "state_dict": "net", "message_hub": {"loss": vector}}),
        "detectron2": ("model", {"model": "net", "optimizer": state, "scheduler": {"last": vector}, "iteration": 9}),
        "fairseq": ("model", {"args": None, "model": "net", "last_optimizer_state": state, "criterion": {"w": vector}}),
        "ultralytics": ("model", {"epoch": -1, "best_fitness": number, "model": "net", "ema": None, "optimizer": None}),
        "any optimiser": ("model", {"model": "net", "g_trainer": state, "d_trainer": state}),
        "a queue": ("model", {"model": "net", "queue": torch.randn(8, 9)}),
        "a critic": ("net", {"net": "net", "critic": {"a.weight": torch.randn(7, 7), "a.bias": vector}}),
    }  # fmt: skip


@pytest.mark.parametrize("name", [
    "imagenet", "pixel2style", "stylegan", "rng", "lightning", "mmengine", "detectron2", "fairseq", "ultralytics",
    "any optimiser", "a queue", "a critic",
])  # fmt: skip
def test_the_weights_are_found_beside_anything(tmp_path: Path, require: Any, name: str) -> None:
    require("torch")
    key, content = layouts()[name]
    found = open_checkpoint(saved(tmp_path / "a.pth", **content))
    assert (found.key, list(found)) == (key, ["fc.weight", "fc.bias", "norm.weight"])


@pytest.mark.parametrize("other", ["ema", "state_dict_ema", "teacher", "params_ema"])
def test_two_sets_of_the_same_tensors_are_a_question(tmp_path: Path, require: Any, other: str) -> None:
    require("torch")
    path = saved(tmp_path / "a.pth", **{"model": "net", other: "net"})
    with pytest.raises(InputError, match=rf"choose one with key \(--key\): 'model', '{other}'"):
        open_checkpoint(path)


def test_weights_of_ones_own_beside_a_dict_are_weights(tmp_path: Path, require: Any) -> None:
    require("torch")
    import torch

    extra = {"a": torch.randn(2), "b": torch.randn(2)}
    torch.save({"fc.weight": torch.randn(3, 4), "extra": extra}, tmp_path / "a.pth")
    assert list(open_checkpoint(tmp_path / "a.pth")) == ["fc.weight", "extra.a", "extra.b"]


def test_what_is_left_out_is_said(tmp_path: Path, require: Any) -> None:
    require("torch")
    path = saved(tmp_path / "a.pth", **layouts()["pixel2style"][1])
    result = call(path, tmp_path / "a.pdparams", command=convert)
    assert result.exit_code == 0
    assert "1 tensors under 'latent_avg' are left out" in result.stderr
