"""What only a GPU can show: the torch blocks there compute what they compute on the CPU, ties included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks import parity
from nlblocks.numerics.tolerance import ZERO_CEILING
from nlblocks.proof import sample
from nlblocks.specs import BlockSpec
from nlblocks.specs.base import describe
from nlblocks.specs.catalogue import EXAMPLES
from nlblocks.specs.inputs import parts

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("needs a CUDA device", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore:Attempting to run cuBLAS")  # torch's, of the first backward pass
NUDGES = 3
SPECS = [pytest.param(spec.deterministic(), id=describe(spec)) for spec in EXAMPLES]


def run(spec: BlockSpec, device: str, point: sample.Point, training: bool) -> nlblocks.Run:
    module = nlblocks.build(spec, backend="torch", dtype="float64").to(device)
    nlblocks.load_state(module, point.state)
    return nlblocks.run(module, point.x, training=training, grad_output=point.grad_output)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("inputs", ["distinct", "tied"])
def test_cuda_is_the_cpu(spec: BlockSpec, training: bool, inputs: str) -> None:
    point = sample.sensitive_point(spec, nlblocks.backend.get("torch"), 0, spec.example_shape())
    point = point.tied() if inputs == "tied" else point
    cpu, cuda = (run(spec, device, point, training) for device in ("cpu", "cuda"))
    own, floors = tensors(cpu), tensors(cpu, at=0.0)
    for device, plain in (("cpu", own), ("cuda", tensors(cuda))):  # each rounds in its own way
        for trial in range(NUDGES):
            moved = tensors(run(spec, device, point.nudged(trial, ("state", "grad_output")), training))
            floors = {key: max(floors[key], size(plain[key] - moved[key])) for key in floors}
    largest = max((size(value) for (group, _), value in own.items() if group == "grad_params"), default=0.0)
    for key, found in tensors(cuda).items():
        compare(own[key], found, floors[key], largest if key[0] == "grad_params" else 0.0)


def tensors(found: nlblocks.Run, at: float | None = None) -> dict[tuple[str, Any], Any]:
    """What a run computed, by group and name; or that number in the place of each."""
    groups = {"output": {"": found.output}, "grad_input": dict(enumerate(parts(found.grad_input)))}
    groups |= {"grad_params": found.grad_params, "state_after": found.state_after}
    return {(group, name): value if at is None else at for group, own in groups.items() for name, value in own.items()}


def size(array: Any) -> float:
    return float(np.abs(array).max(initial=0.0))


def compare(left: Any, right: Any, noise: float, largest: float = 0.0) -> None:
    """What is zero but for rounding beside the ``largest`` gradient is measured by that: beside itself it is noise."""
    scale = size(left)
    beside = largest if scale <= ZERO_CEILING["float64"] * largest else scale
    assert size(left - right) <= max(1e-12 * beside, 100 * noise)


def test_state_moves_to_and_from_the_device() -> None:
    spec = nlblocks.specs.DigitNet()
    state = sample.random_state(spec, seed=0)
    module = nlblocks.build(spec, backend="torch", dtype="float64").to("cuda")
    nlblocks.load_state(module, state)
    for name, array in nlblocks.state_of(module).items():
        assert array.tobytes() == state[name].tobytes()
    other = nlblocks.build(spec, backend="torch", dtype="float64", seed=1)
    nlblocks.transfer(module, other)
    reference = nlblocks.build(spec, backend="reference", dtype="float64")
    nlblocks.transfer(module, reference)
    assert all((nlblocks.state_of(other)[name] == array).all() for name, array in state.items())
    assert all((reference.state[name] == array).all() for name, array in state.items())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("spec", SPECS)
def test_half_precision_is_finite_with_gradients(spec: BlockSpec, dtype: Any) -> None:
    module = nlblocks.build(spec, backend="torch", dtype=dtype).to("cuda")
    how = {"device": "cuda", "dtype": getattr(torch, dtype), "requires_grad": True}
    xs = [torch.randn(shape, **how) for shape in parts(spec.example_shape())]
    y = module(*xs).float()
    assert torch.isfinite(y).all()
    if spec.kind == "expectation_maximisation_attention" and not y.requires_grad:
        return  # no gradient reaches its input, by its spec
    y.square().mean().backward()
    assert all(torch.isfinite(x.grad).all() for x in xs)


class Attention(torch.nn.Module):
    """Convolution, normalisation, attention with a mask, dropout, a product: what runs on other kernels there."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = torch.nn.BatchNorm2d(8)
        self.attention = torch.nn.MultiheadAttention(8, 2, batch_first=True, dropout=0.1)
        self.head = torch.nn.Linear(8, 5)
        self.scale = scale

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.norm(self.conv(x))).flatten(2).transpose(1, 2)
        hidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        x = x + self.attention(x, x, x, attn_mask=hidden)[0] * self.scale
        return self.head(torch.nn.functional.dropout(x, 0.1, self.training).mean(1))


def test_compare_takes_models_on_the_device() -> None:
    left, right, wrong = Attention(), Attention().cuda(), Attention(1.01).cuda()
    for model in (right, wrong):
        model.load_state_dict(left.state_dict())
    report = parity.compare(left, right, (2, 3, 6, 6))
    assert report, str(report)
    assert next(right.parameters()).device.type == "cuda"
    assert parity.compare(right, right, (2, 3, 6, 6))
    report = parity.compare(right, wrong, (2, 3, 6, 6))
    assert report.verdict == "different", str(report)
