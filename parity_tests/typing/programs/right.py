"""A small program of a user's. No checker has anything to say of it. Checked, and never run."""

from typing import assert_type

import numpy as np
import paddle
import torch

import nlblocks
import nlblocks_paddle as pd
import nlblocks_reference as ref
import nlblocks_torch as nl
from nlblocks import specs, verify
from nlblocks.parity import LabReport, compare
from nlblocks.testing import assert_parity

spec = specs.NonLocal(in_channels=64, mode="gaussian", sub_sample="after", norm=None)
assert_type(spec.inter_channels, int | None)
assert_type(spec.output_shape((1, 64, 8, 8)), tuple[int, ...])

block = nl.NonLocal(in_channels=64, mode="dot_product", norm=specs.BatchNorm(variance="biased"), seed=0)
assert_type(block.spec, specs.NonLocal)
x = torch.zeros(1, 64, 8, 8)
assert_type(block(x), torch.Tensor)
z, attention = block(x, return_attention=True)
assert_type(attention, torch.Tensor)
model = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 1), block, nl.NonLocal(spec), nlblocks.NonLocal(in_channels=64))
model.to("cpu").eval()
modules: list[torch.nn.Module] = [block, nlblocks.NonLocal(in_channels=64)]

gate = nl.CBAM(in_channels=64, order=("mean", "max"))
_, maps = gate(x, return_attention=True)
assert_type(maps, dict[str, torch.Tensor])
network = nl.DigitNet(num_classes=7)
logits, named = network(torch.zeros(1, 1, 28, 28), return_attention=True)
assert_type(named, dict[str, torch.Tensor])

layer = pd.NonLocal(spec, seed=1)
layer.eval()
layers: list[paddle.nn.Layer] = [layer, nlblocks.NonLocal(in_channels=64)]
y: paddle.Tensor = layer(paddle.zeros([1, 64, 8, 8]))
formula = ref.SqueezeExcitation(in_channels=64, gate="hard_sigmoid")
assert_type(formula.spec, specs.SqueezeExcitation)
print(formula.eval()(np.zeros((1, 64, 3, 3))).mean())
y_formula, a_formula = formula(np.zeros((1, 64, 3, 3)), return_attention=True)

nlblocks.use("torch")
chosen = nlblocks.SpatialGate(kernel_size=5, bias=True)
assert_type(chosen.spec, specs.SpatialGate)
chosen.half()

report = verify(spec, backends=("torch", "paddle"), seed=1)
assert_type(report.backends, tuple[str, ...])
run = nlblocks.run(block, np.zeros((1, 64, 8, 8)), training=True)
assert_type(run, nlblocks.Run)
lab = compare(block, layer, (1, 64, 8, 8), steps=3, optimiser="adam", accept=["batch_norm.variance"])
assert_type(lab, LabReport)
assert_type(assert_parity(block, layer, (1, 64, 8, 8), training=False), LabReport)
built = nlblocks.build(nlblocks.spec_from_dict({"kind": "non_local", "in_channels": 4}), "reference", dtype="float64")
nlblocks.insert_all(model, "*", specs.NonLocal(in_channels=64), where="before", example=(1, 3, 8, 8))
nlblocks.save(block, "block.pdparams")
nlblocks.load("block.pdparams", backend="paddle", dtype="float32")
assert_type(nlblocks.load("model.pth", into=model), torch.nn.Sequential)
assert_type(nlblocks.parity.compare(model, model, (1, 3, 8, 8)), LabReport)
assert_type(nlblocks.spec_from_dict(spec.to_dict(), specs.NonLocal), specs.NonLocal)
spec = nlblocks.dialects.get("mmcv").spec("NonLocal2d", in_channels=64)  # type: ignore[assignment]
