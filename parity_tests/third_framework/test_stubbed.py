"""A third party's blocks have the stub and the signatures that the library's own have."""

from __future__ import annotations

import ast
import inspect
import shutil
from pathlib import Path
from typing import Any

from nlblocks import stubs
from parity_tests.helpers.checkout import python


def test_the_stub_holds_the_blocks_that_the_backend_has(numtape: Any, tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parent / "nlblocks_toy", tmp_path / "nlblocks_toy")
    done = python("-m", "nlblocks.stubs", "nlblocks_toy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "nlblocks_toy" / "__init__.pyi").read_text(encoding="utf-8")
    classes = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    assert classes == ["EfficientChannelAttention", "PositionAttention", "SqueezeExcitation"]
    assert "from numtape import Tensor\n" in text
    assert "from nlblocks_toy.backend import backend as backend\n" in text
    assert '        gate: Literal["sigmoid", "hard_sigmoid"] = "sigmoid",\n' in text
    assert "return_attention: Literal[True]) -> tuple[Tensor, Tensor]: ..." in text
    assert text == stubs.backend("nlblocks_toy")


def test_a_package_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    for name in ("nlblocks_none", "nlblocks_none.more", "json.decoder"):
        done = python("-m", "nlblocks.stubs", name, cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr == f"stubs: {name!r} is not a package that can be imported\n"


def test_a_block_shows_its_specs_fields(numtape: Any) -> None:
    import nlblocks_toy

    shown = inspect.signature(nlblocks_toy.SqueezeExcitation)
    assert list(shown.parameters)[:3] == ["spec", "in_channels", "inter_channels"]
