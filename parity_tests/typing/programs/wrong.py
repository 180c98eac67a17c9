"""A small program of a user's in which every call is wrong. Checked, and never run: each statement is one error."""

import nlblocks
import nlblocks_paddle as pd
import nlblocks_reference as ref
import nlblocks_torch as nl
from nlblocks import specs, verify
from nlblocks.parity import compare
from nlblocks.testing import assert_parity

nl.NonLocal(in_chanels=64)
nl.NonLocal(in_channels="64")
nl.NonLocal(in_channels=64, mode="gausian")
nl.NonLocal(in_channels=64, norm="batch_norm")
nl.NonLocal(in_channels=64, zero_init="no")
nl.NonLocal()
nl.NonLocal(64)
nl.NonLocal(specs.CBAM(in_channels=64))
nl.NoLocal(in_channels=3)
print(nl.NonLocal(in_channels=4).spec.inner_channels)
nl.NonLocal(in_channels=4)("x")
nl.CBAM(in_channels=4, order=("max", "min"))
pd.NonLocal(in_channels=64, mode="gausian")
pd.NonLocal()
pd.NonLocal(chanels=64)
ref.NonLocal(in_channels=64, sub_sample="behind")
ref.NonLocal()
nlblocks.NonLocal(in_channels=64, mode="gausian")
nlblocks.NonLocal()
nlblocks.NonLocal(in_channel=64)
nlblocks.NoLocal(in_channels=4)
specs.NonLocal(in_channels=64, mode="gausian")
specs.NonLocal()
specs.NonLocal(64)
specs.BatchNorm(variance="bias")
verify(specs.NonLocal(in_channels=4), backend="torch")
verify("non_local")
nlblocks.build(specs.NonLocal(in_channels=4), dtype="float")
nlblocks.build("non_local")
nlblocks.insert_all(1, "*", specs.NonLocal(in_channels=64), where="behind", example=(1, 3, 8, 8))
nlblocks.insert_all(1, "*", specs.NonLocal(in_channels=64))
nlblocks.load("block.pdparams", dtypes="float32")
nlblocks.run(1, 2, train=True)
compare(1, 2, (1, 2), tolerance=3)
compare(1, 2)
assert_parity(1, 2, (1, 2), tolerance=3)
assert_parity(1, 2)
