"""The formula of a convolution computes what torch computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nlblocks.parity.formulas.evaluate import evaluate

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("options", [{"stride": 2}, {"padding": 2, "dilation": 2}, {"groups": 2}, {"padding": "same"}])
def test_the_convolution_formula(options: dict[str, Any]) -> None:
    import torch.nn.functional as F

    from nlblocks.parity.tracing import vocabulary

    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(2, 4, 7, 6)), rng.normal(size=(4, 4 // options.get("groups", 1), 3, 3))
    expected = F.conv2d(torch.from_numpy(x), torch.from_numpy(weight), **options).numpy()
    given = {
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        **{k: vocabulary.plain(v) for k, v in options.items()},
    }
    found = evaluate("conv", {"x": x, "weight": weight}, vocabulary.normalise("conv", given, 4))
    assert np.abs(found - expected).max() < 1e-12
