"""Names of tensors: kept where code only gathers them, refused where something reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from parity_tests.port.packages import Package


def _package(folder: Path, forward: str, more: str = "") -> Package:
    net = f"""
    from paddle import nn

    class Net(nn.Layer):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 4)
            self.marks = []

        def forward(self, x):
            {forward}
            return self.linear(x)
    {more}
    """
    return Package(folder, {"tagged/net.py": net}, "tagged.net:Net", "2,3")


def test_names_that_are_only_gathered(tmp_path: Path) -> None:
    package = _package(tmp_path, "self.marks.append(x.name)")
    assert "self.marks.append(x.name)" in package.text("tagged.net")
    package.check()


def test_names_that_others_gather_too(tmp_path: Path) -> None:
    outer = """
    class Outer(nn.Layer):
        def __init__(self):
            super().__init__()
            self.net = Net()
            self.marks = []

        def forward(self, x):
            self.marks.extend(self.net.marks)
            return self.net(x)
    """
    package = _package(tmp_path, "self.marks.append(x.name)", outer)
    assert not package.refused
    package.check()


@pytest.mark.parametrize(
    "reading",
    [
        "self.marks.append(x.name); x = x * len(self.marks)",
        "self.marks.append(x.name); x = x if 'a' in getattr(self, 'marks') else x * 2",
        "x = x * 2 if x.name.startswith('a') else x",
    ],
)
def test_names_that_are_read_are_refused(tmp_path: Path, reading: str) -> None:
    assert _package(tmp_path, reading).refused == {"Tensor.name"}


def test_another_objects_name_that_never_ran_stays(tmp_path: Path) -> None:
    package = _package(tmp_path, "if len(x.shape) > 7:\n                raise ValueError(kind.name)")
    assert "raise ValueError(kind.name)" in package.text("tagged.net")
    assert not package.refused
