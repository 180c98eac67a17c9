"""Frequency channel attention: its table is FcaNet's, and no pooling stands before one of the input's extents."""

from __future__ import annotations

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.init import initial_state
from nlblocks.specs import FrequencyChannelAttention
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.golden import CASES, Golden

TABLES = [path for path in CASES if path.stem.startswith("fcanet_")]


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_the_table_starts_as_the_authors_table_bit_for_bit(path) -> None:
    golden = Golden(path)
    table = initial_state(golden.spec, 0)["table"].astype(np.float32)
    assert np.array_equal(table, golden.state["dct_layer.weight"])


def test_the_basis_is_orthonormal() -> None:
    spec = FrequencyChannelAttention(in_channels=32, num_frequencies=32, selection="low")
    table = initial_state(spec, 0)["table"].reshape(32, -1)
    np.testing.assert_allclose(table @ table.T, np.eye(32), rtol=0, atol=1e-15 * 32)


def test_a_table_under_7_has_more_than_one_frequency() -> None:
    spec = FrequencyChannelAttention(in_channels=16, table_size=(4, 4))
    assert len({tuple(row) for row in initial_state(spec, 0)["table"].reshape(16, -1)}) > 4


def test_an_input_of_the_tables_extents_is_not_pooled(require: Require) -> None:
    require("torch", "paddle")
    assert nlblocks.verify(FrequencyChannelAttention(in_channels=4, num_frequencies=4), input_shape=(2, 4, 7, 7))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"in_channels": 8, "num_frequencies": 3}, "num_frequencies=3 must divide in_channels=8"),
        ({"in_channels": 66, "num_frequencies": 33}, "num_frequencies=33 must be at most 32"),
        ({"in_channels": 16, "table_size": (7, 0)}, "must be 2 ints of at least 1"),
    ],
)
def test_fields_that_are_impossible(fields, message: str) -> None:
    with pytest.raises(InputError, match=message):
        FrequencyChannelAttention(**fields)
