"""``nlblocks convert --like``: a checkpoint converted by the pairing of two models, and both run with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks.commands.like import by_pairing  # noqa: E402
from nlblocks.weights.files import open_checkpoint  # noqa: E402
from parity_tests.helpers import strange_names as nets  # noqa: E402
from parity_tests.helpers.command_line import call  # noqa: E402

NETS = "parity_tests.helpers.strange_names"
REGNETS = ("--like", f"{NETS}:TorchRegNet", f"{NETS}:PaddleRegNet", "--input", "2,3,8,8")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": nets.stirred(nets.TorchRegNet()).state_dict(), "epoch": 3}, "net.pth")


def output(model: Any, x: Any) -> Any:
    model.eval()
    return model(torch.tensor(x) if isinstance(model, torch.nn.Module) else paddle.to_tensor(x)).detach().numpy()


def test_the_file_loads_in_the_other_framework_and_gives_the_same_outputs() -> None:
    found = call("convert", "net.pth", "net.pdparams", *REGNETS)
    assert found.exit_code == 0, found.output
    assert "give the same outputs with these weights" in found.stdout
    right, x = nets.PaddleRegNet(), np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype("float32")
    assert right.set_state_dict(paddle.load("net.pdparams")) == ([], [])
    assert np.abs(output(right, x) - output(nets.stirred(nets.TorchRegNet()), x)).max() < 1e-5


@pytest.mark.parametrize("name", ["net.pdparams", "net.safetensors"])
def test_the_way_back_is_bit_for_bit_and_counts_the_batches(name: str) -> None:
    call("convert", "net.pth", name, *REGNETS)
    assert open_checkpoint(name).layout == "paddle"
    models = ("--like", f"{NETS}:PaddleRegNet", f"{NETS}:TorchRegNet")
    found = call("convert", name, "back.pth", *models, "--input", "2,3,8,8")
    assert found.exit_code == 0, found.output
    back, own = torch.load("back.pth"), torch.load("net.pth")["state_dict"]
    assert list(back) == list(own)
    assert all(torch.equal(back[name], own[name]) for name in own)
    assert own["s1.0.conv1.1.num_batches_tracked"] == 7


def test_half_precision_stays_as_it_is() -> None:
    state = torch.load("net.pth")["state_dict"]
    torch.save({n: t.bfloat16() if t.is_floating_point() else t for n, t in state.items()}, "half.pth")
    assert call("convert", "half.pth", "half.safetensors", *REGNETS).exit_code == 0
    held = open_checkpoint("half.safetensors")
    assert {tensor.dtype.name for tensor in held.values()} == {"bfloat16"}
    assert np.array_equal(held["fc.weight"].numpy(), state["head.weight"].bfloat16().float().numpy().T)


def test_models_that_differ_are_told_apart_and_the_file_is_written() -> None:
    models = ("--like", f"{NETS}:TorchRegNet", f"{NETS}:paddle_regnet_with_another_eps")
    found = call("convert", "net.pth", "net.pdparams", *models, "--input", "2,3,8,8")
    assert found.exit_code == 1
    assert "batch_norm.eps" in found.stdout
    assert Path("net.pdparams").exists()


def test_what_cannot_be_judged_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(*given: Any) -> Any:
        found = by_pairing(*given)
        checks = [replace(check, passed=False, undecided="it is at a tie") for check in found.report.comparisons]
        return replace(found, report=replace(found.report, comparisons=checks))

    monkeypatch.setattr("nlblocks.commands.files.by_pairing", undecided)
    found = call("convert", "net.pth", "net.pdparams", *REGNETS)
    assert found.exit_code == 2, found.output


def test_a_dry_run_prints_the_table_and_writes_nothing() -> None:
    found = call("convert", "net.pth", "net.pdparams", *REGNETS, "--dry-run")
    assert found.exit_code == 0
    assert "entry.weight" in found.stdout
    assert "kept in the record" in found.stdout
    assert not Path("net.pdparams").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("net.pth", "out.pth", *REGNETS), "a .pth file is none of paddle's"),
        (("net.pth", "out.pdparams", *REGNETS[:3]), "--input is missing"),
        (("net.pth", "out.pdparams", "--input", "2,3,8,8"), "without --like leave it out"),
        (("net.pth", "out.pdparams", *REGNETS, "--as", "fc=linear"), "--as has no effect here"),
        (("net.pth", "out.pdparams", *REGNETS, "--rename", "nothing=fc"), "'nothing' is nothing in the left model"),
        (
            ("net.pth", "out.pdparams", "--like", f"{NETS}:PaddleRegNet", f"{NETS}:TorchRegNet", *REGNETS[3:]),
            "it is one of the right: exchange the two models",
        ),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_no_file(words: tuple[str, ...], says: str) -> None:
    found = call("convert", *words)
    assert found.exit_code == 2, found.output
    assert found.stderr.count("\n") == 1
    assert says in found.stderr
    assert not any(Path().glob("out*"))
