"""Layers put into others by name, and shapes kept in names: as a person writes them in torch."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.modules import net
from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet


def ported(code: str, layer: str = "") -> str:
    made = Snippet(case(code, layer=layer))
    made.check()
    return made.ported.text


def test_a_layer_that_is_kept_is_assigned_and_then_added() -> None:
    text = ported("layer(x)", net("act = self.add_sublayer('act.0', nn.ReLU())\n        self.acts = [act]",
                                  "self.acts[0](self.fc(x))"))  # fmt: skip
    lines = [line.strip() for line in text.splitlines()]
    assert lines[lines.index("act = nn.ReLU()") + 1] == "self.add_module('act_0', act)"


def test_a_layer_under_the_name_of_its_attribute_is_added_by_the_assignment() -> None:
    text = ported("layer(x)", net("self.act = self.add_sublayer('act', nn.ReLU())", "self.act(self.fc(x))"))
    assert "self.act = nn.ReLU()" in text
    assert "add_module" not in text


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("'a.' + str(i)", "'a_' + str(i)"),
        ("'a.%d.b' % i", "'a_%d_b' % i"),
        ("'a.{}.b'.format(i)", "'a_{}_b'.format(i)"),
        ("f'a.{i}'", "f'a_{i}'"),
        ("f'a.{i}.{i / 4}'", '(f\'a.{i}.{i / 4}\').replace(".", "_")'),
    ],
)
def test_dots_are_replaced_where_they_are_written(name: str, told: str) -> None:
    lines = f"for i in range(2):\n            self.add_sublayer({name}, nn.ReLU())"
    assert f"self.add_module({told}, nn.ReLU())" in ported("layer(x)", net(lines, "self.fc(x)"))


@pytest.mark.parametrize("use", ["x.reshape([s[0], -1])", "x + s[2]"])
def test_a_shape_that_is_only_read_stays_a_shape(use: str) -> None:
    assert "s = x.shape\n" in ported(f"s = x.shape\n{use}")


@pytest.mark.parametrize(
    "use", ["s[0] = 6\nx.reshape([s[0], -1])", "s[0] *= 3\nx.reshape([s[0], -1])", "x.reshape(s[:1] + [-1])"]
)
def test_a_shape_that_is_changed_or_joined_is_a_list(use: str) -> None:
    ported(f"s = x.shape\n{use}")
