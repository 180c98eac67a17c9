"""Several models of one project in one OUT: what they share is written once, and each is proven."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("libcst")

from nlblocks.port import port
from nlblocks.port.job import Job

SOURCES = {
    "__init__": "",
    "common": """
        import paddle.nn as nn
        import paddle.nn.functional as F


        class Unit(nn.Layer):
            def __init__(self, width, act):
                super().__init__()
                self.fc = nn.Linear(3, width)
                self.act = act

            def forward(self, x):
                return getattr(F, self.act)(self.fc(x))
        """,
    "first": """
        from .common import Unit


        class Net(Unit):
            def __init__(self):
                super().__init__(4, "relu")
        """,
    "second": """
        from . import common
        from .first import Net as Base


        class Net(common.Unit):
            def __init__(self):
                super().__init__(5, "swish")


        def pair():
            return Base()


        class Lost(Net):
            def forward(self, x):
                if self.training:
                    raise ValueError("no labels")
                return super().forward(x)
        """,
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    (folder / "shop").mkdir()
    for name, text in SOURCES.items():
        lines = [line.removeprefix("        ") for line in text.splitlines()]
        (folder / "shop" / f"{name}.py").write_text("\n".join(lines).strip() + "\n")
    return folder


def test_each_is_proven_and_has_weights(sources, tmp_path, require) -> None:
    require("torch", "paddle")
    out = tmp_path / "out"
    entries = ["shop.first:Net", "shop.second:Net", "shop.second:pair", "shop.first:Net"]
    report = port(entries, out, path=[sources], inputs="2,3")
    assert report.verdict == "proven", report
    assert [(one["entry"], one["verdict"]) for one in report.entries] == [(e, "proven") for e in entries[:3]]
    written = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file() and p.suffix != ".pyc")
    assert written == [
        "pair.pth", "shop.first.Net.pth", "shop.second.Net.pth", "shop_torch/__init__.py", "shop_torch/common.py",
        "shop_torch/first.py", "shop_torch/second.py",
    ]  # fmt: skip
    assert {str(out / f"{path}") for path in report.files} == {str(out / p) for p in written if p.endswith(".py")}
    assert report.rows["paddle.nn.Linear"] == 1
    assert not report.refused


def test_a_model_that_cannot_be_run_is_the_verdict(sources, tmp_path, require) -> None:
    require("torch", "paddle")
    report = port(["shop.first:Net", "shop.second:Lost"], tmp_path / "out", path=[sources], inputs="2,3")
    assert report.verdict == "not run"
    assert "shop.second:Lost fails on its input in train mode: ValueError: no labels" in report.why
    assert report.status == 2
    assert "shop_torch/second.py" in report.files


def test_weights_never_take_anothers_name(sources, tmp_path) -> None:
    weights = tmp_path / "pair.pdparams"
    weights.write_bytes(b"")
    job = Job.of(
        ["shop.first:Net", "shop.second:pair"], tmp_path / "out", path=[sources], kwargs="", inputs=(),
        weights=[weights], setup=None,
    )  # fmt: skip
    assert [job.stem(entry) for entry in job.entries] == ["pair", "shop.second.pair"]
