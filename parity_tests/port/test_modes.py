"""Layers with a train or an eval of their own: Paddle calls that of the layer alone that is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from parity_tests.port.packages import Package

HEAD = "    import paddle\n    from paddle import nn\n"
PART = """
    class Part(nn.Layer):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)
            self.norm = nn.LayerNorm(3)
            self.scale = 1.0
            {}
        def forward(self, x):
            return self.norm(self.linear(x)) * self.scale

        {}
    """
NET = """
    class Net(nn.Layer):
        def __init__(self):
            super().__init__()
            self.part = Part()

        def forward(self, x):
            return self.part(x)
    """
NO_MODE = '''def train(self):
            """Train all but the norm."""
            super(Part, self).train()
            self.norm.eval()
            self.scale = 2.0
    '''
MODE = """def train(self, mode=True):
            if mode:
                super().train()
            else:
                super().eval()
            self.scale = self.scale + 1
    """
SHAPE = "4,3"


def _package(folder: Path, net: str, entry: str) -> Package:
    return Package(folder, {"modes/net.py": HEAD + net}, f"modes.net:{entry}", SHAPE)


def test_a_train_that_takes_no_mode_takes_torchs_and_evaluation_passes_it(tmp_path: Path) -> None:
    package = _package(tmp_path, PART.format("", NO_MODE), "Part")
    text = package.text("modes.net")
    told = '"""Train all but the norm."""\n'
    guard = "        if not mode:\n            return super().train(False)  # torch's eval comes here\n"
    assert f"def train(self, mode=True):\n        {told}{guard}" in text
    assert package.proof()["verdict"].startswith("proven")


def test_the_proof_sees_an_evaluation_that_reaches_a_layers_own_train(tmp_path: Path) -> None:
    package = _package(tmp_path, PART.format("", NO_MODE), "Part")
    assert package.proof(("        if not mode:\n", "        if False:\n"))["verdict"] == "different"


def test_evaluation_passes_a_train_that_takes_the_mode(tmp_path: Path) -> None:
    package = _package(tmp_path, PART.format("", MODE), "Part")
    text = package.text("modes.net")
    assert "            super().train(False)\n" in text
    assert "    def eval(self):\n        return super().train(False)  # torch's calls the layer's own train\n" in text
    assert package.proof()["verdict"].startswith("proven")


def test_a_train_that_only_torch_would_call_goes(tmp_path: Path) -> None:
    package = _package(tmp_path, PART.format("", MODE) + NET, "Net")
    assert "def train" not in package.text("modes.net")
    assert [one.name for one in package.ported["modes.net"].left] == ["Part.train"]
    assert package.proof()["verdict"].startswith("proven")


def test_a_part_that_is_trained_by_its_name_keeps_its_train(tmp_path: Path) -> None:
    made = PART.format("\n            self.train()\n", NO_MODE)
    package = _package(tmp_path, made, "Part")
    assert "def train(self, mode=True):" in package.text("modes.net")
    assert package.proof()["verdict"].startswith("proven")


def test_an_own_eval_beside_an_own_train(tmp_path: Path) -> None:
    both = (
        MODE
        + """
        def eval(self):
            super().eval()
            self.scale = 5.0
    """
    )
    package = _package(tmp_path, PART.format("", both), "Part")
    text = package.text("modes.net")
    assert text.count("def eval(self):") == 1
    assert "def eval(self):\n        super().train(False)\n" in text
    assert package.proof()["verdict"].startswith("proven")


def test_a_train_of_a_base_is_its_subclasses(tmp_path: Path) -> None:
    derived = """
    class Wide(Part):
        def forward(self, x):
            return super().forward(x) + x
    """
    package = _package(tmp_path, PART.format("", NO_MODE) + derived, "Wide")
    assert package.proof()["verdict"].startswith("proven")


def test_an_eval_alone_stays_as_it_is(tmp_path: Path) -> None:
    alone = """def eval(self):
            super().eval()
            self.scale = 3.0
    """
    package = _package(tmp_path, PART.format("", alone), "Part")
    assert "        super().eval()\n" in package.text("modes.net")
    assert package.proof()["verdict"].startswith("proven")
