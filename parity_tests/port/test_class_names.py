"""What code asks of the names of classes, as text."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from parity_tests.port.packages import Package


def _package(folder: Path, asked: str, more: str = "") -> Package:
    net = f"""
    from paddle import nn
    {more}
    class Net(nn.Layer):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2D(3, 4, 1)
            self.back = nn.Conv2DTranspose(4, 3, 1)
            self.norm = nn.InstanceNorm2D(3)

        def forward(self, x):
            for part in (self.conv, self.back, self.norm):
                kind = part.__class__.__name__
                x = part(x)
                if {asked}:
                    x = x * 2
            return x
    """
    return Package(folder, {"asked/net.py": net}, "asked.net:Net", "2,3,5,5")


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("part.__class__.__name__ == 'Conv2D'", "part.__class__.__name__ == 'Conv2d'"),
        ("type(part).__name__ != 'Conv2DTranspose'", "type(part).__name__ != 'ConvTranspose2d'"),
        ("kind in ['Conv2D', 'InstanceNorm2D']", "kind in ['Conv2d', 'InstanceNorm2d']"),
        ("kind.find('InstanceNorm2D') != -1", "kind.find('InstanceNorm2d') != -1"),
        ("'Conv' in kind", "'Conv' in kind"),
        ("kind.startswith('Inst')", "kind.startswith('Inst')"),
    ],
)
def test_torchs_names_stand_for_paddles(tmp_path: Path, asked: str, written: str) -> None:
    package = _package(tmp_path, asked)
    assert written in package.text("asked.net")
    assert not package.refused
    package.check()


@pytest.mark.parametrize("asked", ["kind.find('Conv2D') != -1", "'Conv2D' in kind"])
def test_a_part_of_a_name_that_two_classes_have_in_paddle_alone_is_refused(tmp_path: Path, asked: str) -> None:
    assert _package(tmp_path, asked).refused == {"__class__.__name__"}


def test_classes_that_are_one_in_torch_are_not_told_apart(tmp_path: Path) -> None:
    package = _package(tmp_path, "kind == 'BatchNorm2D'", "OTHERS = nn.SyncBatchNorm, nn.BatchNorm")
    assert package.refused == {"__class__.__name__"}


def test_a_class_of_ones_own_keeps_its_name(tmp_path: Path) -> None:
    own = "\n    class Mixed(nn.Layer):\n        pass\n"
    package = _package(tmp_path, "kind == 'Mixed'", own)
    assert "kind == 'Mixed'" in package.text("asked.net")
    package.check()
