"""The fault benchmark: pairs of small models with one mistake planted in one of them, and pairs that are right.

``python -m benchmarks.faults`` puts them all through ``nlblocks.parity.compare`` and, side by side, through
``torch.testing.assert_close``, PaDiff and reprod-log. ``--only NAME --no-rivals --verbose`` looks at one case.

``--set heldout`` runs cases that the engine was not developed on.

To add a case, add a row in ``rows/``: the family of models, the knobs to turn on either side, where the fault is and
what it is called. A knob is an argument of a layer ("layer1.0.bn2.eps") or a question in the model's code; a mistake
that no knob can make needs a question more in ``torch_models/`` or ``paddle_models/``. ``hand.py`` then proves, without
the library, that the case is what its row says (``parity_tests/benchmarks/test_fault_cases.py``).
"""
