"""nlblocks export and nlblocks verify --onnx at the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

import nlblocks
from nlblocks.cli import main
from nlblocks.errors import InputError
from nlblocks.exchange.exporting import BlockSource


def run(*arguments: object) -> tuple[int, str]:
    found = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return found.exit_code, found.output


def test_a_kind_with_fields_is_exported_and_held_against_the_module(tmp_path: Path) -> None:
    out = tmp_path / "a.onnx"
    status, said = run("export", "spatial_gate", out, "--kernel-size", 3, "--backend", "torch", "--dynamic")
    assert status == 0, said
    assert "opset " in said
    assert "x [batch, " in said
    assert "onnxruntime in float32: worst " in said
    assert out.is_file()


def test_a_checkpoint_is_exported_with_its_weights(tmp_path: Path) -> None:
    block = nlblocks.build(nlblocks.specs.SqueezeExcitation(in_channels=8, ratio=2), backend="torch", seed=1)
    nlblocks.save(block, tmp_path / "a.safetensors")
    status, said = run("export", tmp_path / "a.safetensors", tmp_path / "a.onnx", "--dtype", "float64")
    assert status == 0, said
    assert "evaluator in float64: worst " in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export", "nonlocal", "a.onnx"), "nonlocal is no kind of block, no file and no package.module:name"),
        (("export", "mine:net", "a.onnx"), "cannot import mine"),
        (("export", "spatial_gate", "a.txt"), "ends in .onnx"),
        (("export", "spatial_gate", "a.onnx", "--input", "2,3"), "shape"),
        (("verify", "--onnx", "--kind", "spatial_gate", "--backends", "reference"), "reference"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, said = run(*arguments)
    assert status in (1, 2)
    assert words in said
    assert not list(tmp_path.glob("*.onnx"))


def test_a_file_that_cannot_be_made_is_no_difference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*words: object, **options: object) -> None:
        raise InputError("the exporter writes to a home that is not there")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(BlockSource, "program", refused)
    status, said = run("verify", "--onnx", "--kind", "spatial_gate", "--backends", "torch")
    assert status == 2
    assert "NOT COMPARED: 2" in said
    assert "a home that is not there" in said


def test_files_are_verified_in_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    arguments = "verify", "--onnx", "--kind", "spatial_gate", "--backends", "torch", "--json", tmp_path / "a.json"
    status, said = run(*arguments)
    assert status == 0, said
    assert "the same" in said
    assert "0 of the files as they were found before" in said
    assert "2 of the files as they were found before" in run(*arguments)[1]
