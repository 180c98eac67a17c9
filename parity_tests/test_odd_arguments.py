"""Arguments of an odd type are refused in one line of the library's own, wherever they come in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import NLBlocksError
from nlblocks.parity.capturing import load_capture
from nlblocks.parity.compare_captures import compare_captures
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.command_line import call

SPEC = nlblocks.specs.NonLocal(in_channels=4)
DIALECT = nlblocks.dialects.get("alexhex7")


@pytest.mark.parametrize("odd", [["a"], {}, 5, None])
@pytest.mark.parametrize(
    "call",
    [
        lambda odd: nlblocks.use(odd),
        lambda odd: nlblocks.package(odd),
        lambda odd: nlblocks.dialects.get(odd),
        lambda odd: DIALECT.spec(odd),
        lambda odd: nlblocks.load(odd),
        lambda odd: nlblocks.save({}, odd, spec=SPEC),
        lambda odd: nlblocks.save({}, "x.safetensors", spec=odd),
        lambda odd: nlblocks.spec_from_dict(odd),
        lambda odd: load_capture(odd),
        lambda odd: compare_captures(odd, odd),
        lambda odd: DIALECT.to_canonical(SPEC, odd),
        lambda odd: DIALECT.from_canonical(SPEC, odd),
        lambda odd: DIALECT.to_canonical(SPEC, {5: np.ones(1)} if odd == 5 else odd),
    ],
)
def test_it_is_one_line(call: Callable[[Any], Any], odd: Any) -> None:
    with pytest.raises(NLBlocksError) as caught:
        call(odd)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", [5, None, ["0"]])
def test_a_path_in_a_model_is_a_name(path: Any, require: Require) -> None:
    require("torch")
    import torch

    with pytest.raises(NLBlocksError, match="must be the name of a module"):
        nlblocks.insert(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3)), path, SPEC)


@pytest.mark.parametrize(
    "options",
    [
        {"rename": 5}, {"rename": [("a", "b")]}, {"rename": {"weight": 5}}, {"rename": lambda name: 1 / 0},
        {"accept": 5}, {"accept": [5]}, {"accept": None}, {"steps": "x"}, {"steps": True}, {"progress": 5},
    ],
)  # fmt: skip
def test_options_of_compare(options: dict[str, Any], require: Require) -> None:
    require("torch")
    import torch

    with pytest.raises(NLBlocksError) as caught:
        nlblocks.parity.compare(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), (2, 2), **options)
    assert "\n" not in str(caught.value)


def test_the_command_line_refuses_what_it_used_to_pass_over(tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text('{"kind": "non_local", "in_channels": 4, "in_channels": 8}')
    for words, says in (
        (("show", "non_local", "--input", ""), "whole numbers"),
        (("verify", "--spec", str(file)), "'in_channels' is given twice"),
        (("show", "non_local", "--in-channels", "4", "--norm", '{"kind":"batch_norm","eps":1,"eps":2}'), "given twice"),
    ):
        result = call(*words)
        assert result.exit_code == 2, result.output
        assert says in result.stderr
