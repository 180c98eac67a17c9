"""Every line of Python in the README runs, in order; what the reader is to bring along is brought along here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import ROOT, python

README = (ROOT / "README.md").read_text(encoding="utf-8")
BRING = """
import paddle
import torch
import nlblocks
dialect = nlblocks.dialects.get("alexhex7")
as_published = dialect.spec("NONLocalBlock2D", in_channels=32, mode="concatenation")
source = nlblocks.build(as_published, backend="torch", dtype="float32", seed=3)
foreign_state = dialect.from_canonical(as_published, nlblocks.state_of(source))
torch.save({name: torch.from_numpy(array) for name, array in foreign_state.items()}, "net.pth")

model = torch.nn.Module()
model.stem = torch.nn.Conv2d(3, 1024, 16, stride=16)
model.layer3 = torch.nn.Sequential(*[torch.nn.Conv2d(1024, 1024, 1) for _ in range(6)])
model.forward = lambda x: model.layer3(model.stem(x))
paddle_model = paddle.nn.Layer()
paddle_model.stem = paddle.nn.Conv2D(3, 1024, 16, stride=16)
paddle_model.layer3 = paddle.nn.Sequential(*[paddle.nn.Conv2D(1024, 1024, 1) for _ in range(6)])
"""


def test_the_python_of_the_readme_runs(tmp_path: Path, require: Require) -> None:
    require("torch", "paddle")
    pytest.importorskip("libcst")
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) >= 5
    (command,) = re.findall(r"^    nlblocks (port blog:\S+ OUT .+)$", README, re.MULTILINE)
    words = [str(tmp_path / word) if word in ("OUT", "report.html") else word for word in command.split()]
    ported = python("-W", "ignore", "-m", "nlblocks", *words)
    assert ported.returncode == 0, ported.stdout + ported.stderr
    assert ported.stdout.startswith("PROVEN EXCEPT: batch_norm.variance ")
    assert (
        "y = torch.reshape(y, (x.shape[0], -1, x.shape[2], x.shape[3]))" in (tmp_path / "OUT/blog_torch.py").read_text()
    )
    script = tmp_path / "readme.py"
    script.write_text(BRING + "\n".join(blocks), encoding="utf-8")
    found = python("-W", "ignore", script, cwd=tmp_path)
    assert found.returncode == 0, found.stderr


def test_the_commands_of_the_readme_exist() -> None:
    from nlblocks.cli import COMMANDS

    text = README
    commands = set(re.findall(r"^    nlblocks (\w+)", text, re.MULTILINE))
    assert commands <= set(COMMANDS)
    assert set(COMMANDS) <= commands | set(re.findall(r"`nlblocks (\w+)", text))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^    make (\w+)", text, re.MULTILINE):
        assert f"\n{target}:" in makefile
