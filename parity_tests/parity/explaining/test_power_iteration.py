"""A spectral norm's power iteration begins with u or with v: said as that, and nothing else, in any layer."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402

CAUSE = "spectral_norm.iteration"
NN = paddle.nn
hook = NN.utils.spectral_norm


def new(layer: Any, **how: Any) -> Any:
    """With vectors that have not converged, as after a step of training: as built, those of a small weight have."""
    layer = torch.nn.utils.parametrizations.spectral_norm(layer, **how)
    for vector in layer.parametrizations.weight[0].buffers():
        vector.copy_(torch.nn.functional.normalize(torch.randn_like(vector), dim=0))
    return layer


class Own(NN.Layer):
    """As ports write it: the vectors are buffers, their lengths are divided by."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = self.create_parameter((4, 5))
        self.register_buffer("u", unit(paddle.randn((4,))))
        self.register_buffer("v", unit(paddle.randn((5,))))

    def forward(self, x: Any) -> Any:
        u, v = self.u, self.v
        if self.training:
            with paddle.no_grad():
                v = unit(paddle.matmul(self.weight.t(), u.unsqueeze(1)).squeeze(1))
                u = unit(paddle.matmul(self.weight, v.unsqueeze(1)).squeeze(1))
                paddle.assign(u, self.u)
                paddle.assign(v, self.v)
        return x @ (self.weight / (u * paddle.mv(self.weight, v)).sum()).t()


def unit(vector: Any) -> Any:
    return vector / vector.norm()


PAIRS: dict[str, tuple[Any, Any, tuple[int, ...]]] = {
    "convolution and linear": (
        lambda: torch.nn.Sequential(new(torch.nn.Conv2d(3, 4, 3)), torch.nn.Flatten(), new(torch.nn.Linear(16, 3))),
        lambda: NN.Sequential(hook(NN.Conv2D(3, 4, 3)), NN.Flatten(), hook(NN.Linear(16, 3))), (2, 3, 4, 4),
    ),
    "square, two steps": (
        lambda: torch.nn.Sequential(new(torch.nn.Linear(5, 5), n_power_iterations=2)),
        lambda: NN.Sequential(hook(NN.Linear(5, 5), n_power_iterations=2)), (3, 5),
    ),
    "transposed convolution": (
        lambda: torch.nn.Sequential(new(torch.nn.ConvTranspose2d(3, 4, 2))),
        lambda: NN.Sequential(hook(NN.Conv2DTranspose(3, 4, 2))), (2, 3, 4, 4),
    ),
    "by hand": (lambda: torch.nn.Sequential(new(torch.nn.Linear(5, 4, bias=False))), Own, (3, 5)),
}  # fmt: skip


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("how", PAIRS)
def test_the_vector_that_an_iteration_begins_with_is_the_cause(how: str, turned: bool) -> None:
    left, right, shape = PAIRS[how]
    torch.manual_seed(0)
    paddle.seed(0)
    nets = (right(), left()) if turned else (left(), right())
    report = parity.compare(*nets, shape)
    assert report.verdict == "different"
    assert {finding.cause for finding in report.findings if finding.cause} == {CAUSE}, report
    assert report.finding.phase == "train forward"
    assert parity.compare(*nets, shape, training=False).verdict == "same"


def test_a_fault_beside_it_is_still_found() -> None:
    torch.manual_seed(0)
    left = torch.nn.Sequential(new(torch.nn.Linear(5, 4)), torch.nn.LayerNorm(4))
    right = NN.Sequential(hook(NN.Linear(5, 4)), NN.LayerNorm(4, epsilon=1e-3))
    causes = {finding.cause for finding in parity.compare(left, right, (3, 5)).findings}
    assert causes >= {CAUSE, "layer_norm.eps"}


def test_another_number_of_steps_is_not_it() -> None:
    left = torch.nn.Sequential(torch.nn.utils.spectral_norm(torch.nn.Linear(5, 4), n_power_iterations=2))
    report = parity.compare(left, NN.Sequential(hook(NN.Linear(5, 4))), (3, 5))
    assert report.verdict == "different"
    assert CAUSE not in {finding.cause for finding in report.findings}
