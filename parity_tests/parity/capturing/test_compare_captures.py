"""Captures: the live comparison's finding with no framework importable, and every damaged or foreign file refused."""

from __future__ import annotations

import json
import struct
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks.errors import InputError  # noqa: E402
from nlblocks.parity.capturing.capture import capture  # noqa: E402
from nlblocks.parity.capturing.file import FORMAT, load_capture  # noqa: E402
from nlblocks.parity.compare_captures import compare_captures  # noqa: E402
from nlblocks.parity.judging import PASSES  # noqa: E402
from parity_tests.helpers.checkout import python  # noqa: E402
from parity_tests.helpers.command_line import call  # noqa: E402
from parity_tests.helpers.nets import ACCEPT, SHAPE, compare, paddle_net, torch_net  # noqa: E402

MODELS = "parity_tests.helpers.user_models"
BLOCKED = """
    import sys

    class Blocked:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in ("torch", "paddle"):
                raise ModuleNotFoundError(name)

    sys.meta_path.insert(0, Blocked())
    try:
        import torch
    except ModuleNotFoundError:
        pass
    else:
        sys.exit("torch can be imported")
    from nlblocks.cli import main

    main()
"""


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of the torch model, trained by Adam."""
    path = tmp_path_factory.mktemp("captures") / "a.safetensors"
    torch.manual_seed(0)
    capture(torch_net(), SHAPE, optimiser="adam").save(path)
    return path


@pytest.mark.parametrize("change", [{}, {"slope": 0.3}, {"momentum": 0.8}, {"out": 5}])
def test_without_a_framework_the_finding_is_that_of_the_live_comparison(
    change: dict[str, Any], left: Path, tmp_path: Path
) -> None:
    capture(paddle_net(**change), like=left, optimiser="adam").save(tmp_path / "b.safetensors")
    words = ["compare", str(left), "b.safetensors", "--report", "r.json", "--accept", *ACCEPT]
    done = python("-c", textwrap.dedent(BLOCKED), *words, cwd=tmp_path)
    live = compare(torch_net(), paddle_net(**change), optimiser="adam")
    assert done.returncode == (0 if live else 1), done.stderr
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["same"] == bool(live) == (not change)
    if live.finding is not None:
        for key in ("phase", "place", "layer_left", "layer_right", "cause"):
            assert found["finding"][key] == getattr(live.finding, key)
    else:
        assert {c["phase"] for c in found["comparisons"]} == {c.phase for c in live.comparisons}
        assert found["not_compared"] == live.not_compared == []
        assert len(found["steps"]) == len(live.steps) == 3


def test_what_captures_cannot_tell_is_said(tmp_path: Path) -> None:
    first = capture(torch_net(), SHAPE, training=False)
    report = compare_captures(first, capture(paddle_net(), like=first))
    assert report
    assert [text.partition(",")[0] for text in report.not_compared] == [
        "the training pass",
        "the training pass in float32",
        "steps of training",
    ]
    assert "not compared: the training pass" in str(report)


def test_settings_of_optimisers_are_tried_on_the_gradients_that_a_capture_holds(left: Path) -> None:
    first = load_capture(left)
    report = compare_captures(first, capture(paddle_net(), like=first, optimiser="adam:eps=1e-4"), accept=ACCEPT)
    assert report.finding is not None
    assert "eps: 1e-08 on the left, 0.0001 on the right; so the difference falls" in report.finding.explanation


def test_steps_of_different_optimisers_that_nobody_chose_to_compare_are_no_finding(left: Path) -> None:
    chosen = load_capture(left)  # by adam
    first = capture(torch_net(), SHAPE)
    for one, other in (
        (chosen, capture(torch_net(), like=chosen)),
        (first, capture(torch_net(), like=first, optimiser="adam")),
    ):
        report = compare_captures(one, other)
        assert report, str(report)
        assert report.not_compared == ["steps of training, which a capture does not hold"]


def test_a_capture_says_what_it_does() -> None:
    said: list[str] = []
    capture(torch_net(), SHAPE, optimiser="sgd", progress=said.append)
    runs = [f"{name} {what}" for name in PASSES for what in ("run", "noise floor")]
    assert said == ["reading the structure", *runs, "training"]


def test_a_capture_against_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("x.npz", ids=np.array([[1, 2], [3, 4]]), mask=np.ones((2, 2)))

    made = call("capture", f"{MODELS}:TorchTokens", "--input", "x.npz", "--out", "a.safetensors")
    assert made.exit_code == 0, made.output
    assert call("compare", "a.safetensors", f"{MODELS}:PaddleTokens").exit_code == 0
    for words, says in (
        (("compare", f"{MODELS}:PaddleTokens", "a.safetensors"), "give the capture first"),
        (("compare", "a.safetensors", f"{MODELS}:PaddleOtherNames"), "passes its inputs by name (ids, mask)"),
        (("compare", "a.safetensors", "a.safetensors", "--seed", "1"), "--seed has no effect"),
        (("compare", "a.safetensors", "b.safetensors"), "is not a file"),
        (("compare", "x.npz", "a.safetensors"), "no capture"),
        (("capture", f"{MODELS}:paddle_one", "--like", "a.safetensors", "--out", "b.safetensors"), "by name"),
        (("capture", f"{MODELS}:paddle_one", "--input", "2,4", "--out", "b.bin"), ".safetensors"),
        (("capture", f"{MODELS}:paddle_one", "--input", "2,4", "--out", "no/b.safetensors"), "there is no folder"),
        (("capture", f"{MODELS}:torch_raises", "--input", "2,4", "--out", "b.safetensors"), "no such head"),
        (("capture", f"{MODELS}:paddle_one", "--out", "b.safetensors"), "--input is missing"),
    ):
        result = call(*words)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
        assert says in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "x.npz"]


def test_captures_of_other_runs_are_refused() -> None:
    first = capture(torch_net(), SHAPE, training=False)
    for other, says in (
        (capture(paddle_net(), SHAPE, seed=1, training=False), "seeds 0 and 1"),
        (capture(paddle_net(), (2, *SHAPE[1:]), training=False), "different inputs"),
    ):
        with pytest.raises(InputError, match=says):
            compare_captures(first, other)
    report = compare_captures(first, capture(paddle_net(), SHAPE, training=False))
    assert report.finding is not None
    assert report.finding.cause == "parameters.values"


def test_a_damaged_file_is_refused_wherever_it_is_damaged(tmp_path: Path) -> None:
    whole, bad = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    capture(torch_net(), SHAPE).save(whole)
    data = whole.read_bytes()
    head = 8 + struct.unpack("<Q", data[:8])[0]
    cuts = [data[:length] for length in (0, 7, 8, head // 2, head, head + 1, (head + len(data)) // 2, len(data) - 1)]
    turned = [bytes([*data[:i], data[i] ^ 1, *data[i + 1 :]]) for i in (head, head + 1000, len(data) - 1)]
    for damaged in (*cuts, *turned, b"hello", data.replace(b"nlblocks.capture", b"somebody.capture")):
        bad.write_bytes(damaged)
        with pytest.raises(InputError, match="no capture") as caught:
            load_capture(bad)
        assert "\n" not in str(caught.value)
    bad.write_bytes(data.replace(FORMAT.encode(), FORMAT[:-1].encode() + b"9"))
    with pytest.raises(InputError, match="another version"):
        load_capture(bad)


def test_a_capture_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.safetensors"
    made = capture(torch_net(), SHAPE, training=False)
    made.save(target)
    before = target.read_bytes()

    def fail(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(InputError, match="No space left"):
        made.save(target)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_capture_says_the_same_without_a_framework(tmp_path: Path) -> None:
    from nlblocks.parity.capturing.capture import capture

    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    capture(torch_net(), SHAPE).save(first)
    capture(paddle_net(eps=1e-3), like=first).save(second)
    code = f"""
        import sys
        from nlblocks.cli import main
        sys.argv = ["nlblocks", "compare", {str(first)!r}, {str(second)!r}, "--report", {str(tmp_path / "r.json")!r}]
        try:
            main()
        except SystemExit as ended:
            assert ended.code == 1, ended.code
        assert "torch" not in sys.modules and "paddle" not in sys.modules
    """
    done = python("-c", textwrap.dedent(code))
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["finding"]["cause"] == "batch_norm.eps"
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) // 2])
    from nlblocks.parity.capturing.file import load_capture

    with pytest.raises(InputError, match="cut short"):
        load_capture(first)
