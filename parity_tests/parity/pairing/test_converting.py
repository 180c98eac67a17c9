"""A checkpoint of one model becomes one of another by their pairing: whole, or not at all."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.errors import InputError  # noqa: E402
from parity_tests.helpers import strange_names as nets  # noqa: E402

PAIRS = {
    "regnet": (nets.TorchRegNet, nets.PaddleRegNet, (2, 3, 8, 8)),
    "densenet": (nets.TorchDenseNet, nets.PaddleDenseNet, (2, 3, 6, 6)),
    "encoder": (nets.TorchEncoder, nets.PaddleEncoder, np.arange(8).reshape(2, 4)),
}


@cache
def pairing_of(kind: str) -> Any:
    left, right, inputs = PAIRS[kind]
    return parity.compare(left(), right(), inputs, training=False).pairing


def paired(kind: str) -> tuple[Any, Any, Any, Any]:
    left, right, inputs = PAIRS[kind]
    models, pairing = (nets.stirred(left()), right()), pairing_of(kind)
    models[1].eval()
    x = np.random.default_rng(0).normal(size=inputs) if isinstance(inputs, tuple) else inputs
    return *models, pairing, x


def output(model: Any, x: Any) -> Any:
    if isinstance(model, torch.nn.Module):
        return model(torch.tensor(x if x.dtype.kind == "i" else x.astype("float32"))).detach().numpy()
    return model(paddle.to_tensor(x if x.dtype.kind == "i" else x.astype("float32"))).numpy()


def loaded(model: Any, state: dict[str, Any]) -> Any:
    missing, unexpected = model.set_state_dict({name: paddle.to_tensor(value) for name, value in state.items()})
    assert not missing, missing
    assert not unexpected, unexpected
    return model


@pytest.mark.parametrize("kind", PAIRS)
def test_what_was_converted_loads_and_gives_the_same_outputs(kind: str) -> None:
    left, right, pairing, x = paired(kind)
    loaded(right, pairing.convert(left.state_dict()))
    assert np.abs(output(left, x) - output(right, x)).max() < 1e-5
    assert np.abs(output(left, x)).max() > 0.01


@pytest.mark.parametrize("kind", PAIRS)
def test_the_way_back_gives_every_tensor_bit_for_bit(kind: str) -> None:
    left, right, pairing, _ = paired(kind)
    loaded(right, pairing.convert(left.state_dict()))
    back = pairing.convert(right.state_dict(), back=True)
    own = left.state_dict()
    assert list(back) == list(own)
    counts = [name for name in own if name.endswith("num_batches_tracked")]
    assert all(np.array_equal(back[name], own[name].numpy()) for name in own if name not in counts)


def test_no_name_is_the_same_on_both_sides() -> None:
    for left, right, _ in PAIRS.values():
        assert not set(left().state_dict()) & set(right().state_dict())


def test_a_wrapper_prefix_is_dropped() -> None:
    left, _, pairing, _ = paired("densenet")
    wrapped = {f"module.{name}": value for name, value in left.state_dict().items()}
    plain, found = pairing.convert(left.state_dict()), pairing.convert(wrapped)
    assert all(np.array_equal(found[name], plain[name]) for name in plain)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("stem.weight"), "stem.weight is missing"),
        (lambda s: s.update(extra=torch.ones(3)), "extra is unexpected"),
        (lambda s: s.update({"head.bias": torch.ones(3)}), r"head.bias has shape \[3\], not \[8\]"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(change: Any, says: str) -> None:
    left, _, pairing, _ = paired("regnet")
    state = dict(left.state_dict())
    change(state)
    with pytest.raises(InputError, match=says):
        pairing.convert(state)


def test_one_of_the_other_model_is_known_as_such() -> None:
    _, right, pairing, _ = paired("regnet")
    with pytest.raises(InputError, match="exchange the two models"):
        pairing.convert(right.state_dict())


def test_what_has_no_partner_is_refused_on_either_side() -> None:
    left = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
    right = paddle.nn.Sequential(paddle.nn.Conv2D(3, 4, 1, bias_attr=False), paddle.nn.BatchNorm2D(4))
    pairing = parity.compare(left, right, (2, 3, 4, 4), training=False).pairing
    with pytest.raises(InputError, match=r"0.bias of the left has no partner"):
        pairing.convert(left.state_dict())
    with pytest.raises(InputError, match=r"0.bias of the left has no partner, and nothing fills it"):
        pairing.convert(right.state_dict(), back=True)


def test_statistics_without_a_partner_are_no_constants() -> None:
    left = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4, affine=False))
    right = paddle.nn.Sequential(paddle.nn.Conv2D(3, 4, 1))
    pairing = parity.compare(left, right, (2, 3, 4, 4), training=False).pairing
    with pytest.raises(InputError, match=r"1.running_mean of the left has no partner"):
        pairing.convert(left.state_dict())


def test_tied_tensors_that_differ_in_the_file_are_refused() -> None:
    left, _, pairing, _ = paired("encoder")
    with pytest.raises(InputError, match=r"emb.weight and lm_head.weight are one tensor in the model, and differ"):
        pairing.convert({**left.state_dict(), "lm_head.weight": torch.zeros(9, 6)})


class _Unused(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.spare = torch.nn.Linear(4, 3), torch.nn.Linear(4, 2)
        self.register_buffer("scale", torch.full((3,), 2.0))

    def forward(self, x: Any) -> Any:
        return self.fc(x) * self.scale


class _Twice(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.last = paddle.nn.Linear(4, 3)

    def forward(self, x: Any) -> Any:
        return self.last(x) * 2.0


def test_what_makes_no_difference_is_left_out_and_named() -> None:
    left, right = _Unused(), _Twice()
    pairing = parity.compare(left, right, (2, 4), training=False).pairing
    with pytest.warns(UserWarning, match="left out") as said:
        state = pairing.convert(left.state_dict())
    assert set(state) == {"last.weight", "last.bias"}
    words = sorted(str(one.message) for one in said)
    assert [word.partition(":")[0] for word in words] == ["scale", "spare.weight, spare.bias"]


def test_a_constant_that_the_file_holds_otherwise_is_not_left_out() -> None:
    left, right = _Unused(), _Twice()
    pairing = parity.compare(left, right, (2, 4), training=False).pairing
    with pytest.raises(InputError, match="scale of the left has no partner, and goes nowhere"):
        pairing.convert({**left.state_dict(), "scale": torch.full((3,), 3.0)})


def test_captures_do_not_tell_what_checkpoints_hold() -> None:
    from nlblocks.parity.capture import capture
    from nlblocks.parity.compare_captures import compare_captures

    left = capture(torch.nn.Linear(4, 3), (2, 4), training=False)
    report = compare_captures(left, capture(paddle.nn.Linear(4, 3), like=left, training=False))
    with pytest.raises(InputError, match="compare the models to convert"):
        report.pairing.convert({})
