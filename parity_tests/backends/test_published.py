"""The published checkpoint: read safely, ported, and its published attention maps found again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nlblocks
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import PUBLISHED, ROOT, python

pytestmark = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published checkpoint is another project's data")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_class_and_maps(dtype: nlblocks.backend.DType, require: Require) -> None:
    require("torch", "paddle")
    image = pytest.importorskip("PIL.Image")
    spec = nlblocks.dialects.get("alexhex7").spec("Network")
    x = np.asarray(image.open(PUBLISHED / "sample.png").convert("L"), dtype=np.float32)[None, None] / 255
    runs = {}
    for backend in ("torch", "paddle"):
        net = nlblocks.load(PUBLISHED / "net.pth", backend, spec, dialect="alexhex7", dtype=dtype)
        runs[backend] = nlblocks.run(net, x, return_attention=True)
        assert runs[backend].output.argmax() == 7
        for index in (1, 2):
            published = np.load(PUBLISHED / f"nl_map_{index}.npy")
            assert np.abs(runs[backend].attention[f"nl_{index}"] - published).max() <= 1e-5
    if dtype == "float64":  # in float32 two correct maps are 3e-6 apart: as far as either is from float64
        for index in (1, 2):
            left, right = (runs[backend].attention[f"nl_{index}"] for backend in ("torch", "paddle"))
            assert np.abs(left - right).max() <= 1e-12
    scale = float(np.abs(runs["torch"].output).max())
    assert np.abs(runs["torch"].output - runs["paddle"].output).max() <= 1e-6 * scale


def test_the_example_runs(tmp_path: Path, require: Require) -> None:
    require("torch", "paddle")
    out = tmp_path / "attention"
    found = python(ROOT / "examples" / "port_published_checkpoint.py", PUBLISHED, "--out", out, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("sees class 7") == 4
    assert {path.name for path in out.iterdir()} == {"maps.html", "sample.nl_1.png", "sample.nl_2.png"}
