"""Every line of Python in the README runs, in order; what the reader is to bring along is brought along here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
BRING = """
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
"""


def test_the_python_of_the_readme_runs(tmp_path: Path, require: Callable[..., None]) -> None:
    require("torch", "paddle")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 5
    script = tmp_path / "readme.py"
    script.write_text(BRING + "\n".join(blocks), encoding="utf-8")
    paths = os.pathsep.join([str(ROOT), str(ROOT / "backends")])
    environment = {name: value for name, value in os.environ.items() if name != "NLBLOCKS_BACKEND"}
    found = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        cwd=tmp_path, env=environment | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr


def test_the_commands_of_the_readme_exist() -> None:
    from nlblocks.cli import main

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"^    nlblocks (\w+)", text, re.MULTILINE))
    assert commands <= set(main.commands)
    assert set(main.commands) <= commands | set(re.findall(r"`nlblocks (\w+)", text))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^    make (\w+)", text, re.MULTILINE):
        assert f"\n{target}:" in makefile
