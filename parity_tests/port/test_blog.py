"""The Paddle blog's blocks, ported, are our own torch blocks from the same weights: outputs to the bit."""

from __future__ import annotations

import importlib
import re
import runpy
import sys

import pytest

pytest.importorskip("libcst")

import nlblocks
from nlblocks import parity
from nlblocks.port import port
from nlblocks.specs import AttentionResNet
from parity_tests.helpers.checkout import ROOT, python

EXAMPLE = ROOT / "examples" / "port_blog"
SHAPE = (2, 8, 5, 6)


@pytest.fixture(scope="module")
def example():
    """What the example program defines."""
    return runpy.run_path(str(EXAMPLE / "port_blog.py"))


def test_the_blocks_are_ours(example, tmp_path, monkeypatch, require) -> None:
    require("torch", "paddle")
    import torch

    blocks = [block for block in example["NETWORKS"].values() if block]
    out = tmp_path / "out"
    shape = ",".join(map(str, SHAPE))
    entries = [f"blog:{block}" for block in blocks]
    proof = port(entries, out, path=[EXAMPLE], inputs=shape, kwargs=f"shape={list(SHAPE)}")
    assert proof.verdict == "proven except", proof
    assert proof.accepted == ("batch_norm.variance",)
    assert not proof.refused
    monkeypatch.syspath_prepend(str(out))
    blog_torch = importlib.import_module("blog_torch")
    monkeypatch.delitem(sys.modules, "blog_torch")
    for block in blocks:
        net = getattr(blog_torch, block)(list(SHAPE))
        net.load_state_dict(torch.load(out / f"{block}.pth"))
        spec = nlblocks.dialects.get("paddle_blog").spec(block, shape=list(SHAPE))
        ours = nlblocks.build(example["replace"](spec, norm=example["TORCHS"]), backend="torch")
        report = parity.compare(net, ours, SHAPE)
        assert report, report
        assert report.worst("eval forward") == 0


def test_a_network_is_ours_too_and_reads_as_a_person_wrote_it(tmp_path, require) -> None:
    require("torch", "paddle")
    done = python("-W", "ignore", EXAMPLE / "port_blog.py", tmp_path / "out", "ResNetNonLocal")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PROVEN EXCEPT: batch_norm.variance " in done.stdout
    page = (ROOT / "docs" / "port.md").read_text(encoding="utf-8")
    for path in (EXAMPLE / "blog.py", tmp_path / "out" / "blog_torch.py"):
        (line,) = re.findall(rf"^    (y = .+?) +# \S*{path.name}$", page, re.MULTILINE)
        assert f"        {line}\n" in path.read_text(encoding="utf-8")


def test_every_network_has_a_spec(example) -> None:
    source = (EXAMPLE / "blog.py").read_text()
    for name in example["NETWORKS"]:
        assert isinstance(example["spec_of"](name), AttentionResNet)
        assert f"class {name}(" in source or f"def {name}(" in source
