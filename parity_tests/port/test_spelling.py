"""Calls spelled as torch's, which Paddle 3 takes: each means what Paddle makes of it, or is refused."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

import paddle

from nlblocks.port.observe import Watcher
from nlblocks.port.resolve import Module, Program
from nlblocks.port.rewrite import Ported, ported
from nlblocks.port.table import by_name
from nlblocks.port.table.row import case
from nlblocks.port.table.synonyms import SAME_OBJECTS, WORDS
from nlblocks_paddle.lab.porting import porting
from parity_tests.port.snippets import Snippet


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (case("x.reshape(6, -1)"), "x.reshape(6, -1)"),
        (case("n = 4\nx.view(n, 6, 5)"), "x.view(n, 6, 5)"),
        (case("x.transpose(1, 2)"), "x.transpose(1, 2)"),
        (case("x.transpose([1, 2, 3, 0])"), "x.permute(1, 2, 3, 0)"),
        (case("paddle.sum(x, 1, True)"), "torch.sum(x, 1, keepdim=True)"),
        (case("paddle.sum(x, 1, 'float64', True)"), "torch.sum(x, 1, dtype=torch.float64, keepdim=True)"),
        (case("paddle.concat(tensors=[x, x], dim=1)"), "torch.cat([x, x], dim=1)"),
        (case("paddle.ones(2, 3)", grad=False), "torch.ones((2, 3))"),
        (case("x.gather(dim=1, index=i)", x="f3,4", i="i3,2:4"), "x.gather(dim=1, index=i)"),
    ],
)
def test_same(given, said: str) -> None:
    snippet = Snippet(given)
    snippet.check()
    assert said in snippet.ported.text


def test_a_number_is_no_name() -> None:
    """What falls into the place of ``name`` is never left out unless it is one."""
    assert "label" not in Snippet(case("paddle.add(x, x, 'label')")).ported.text
    reason = refusal("import paddle\n\n\ndef f(x, y):\n    return paddle.add(x, x, y)\n")
    assert "y is no name" in reason


def test_a_result_is_cut_off_by_either_word() -> None:
    for line in ("y.stop_gradient = True", "y.requires_grad = False"):
        source = f"import paddle\n\n\ndef f(x):\n    y = x * 2\n    {line}\n    return y\n\n\nf(paddle.ones([2]))\n"
        assert "y = y.detach()" in port(source).text


def test_an_attribute_that_is_called_is_refused() -> None:
    source = "import paddle\n\n\ndef f(x):\n    return x.abs() if x.ndim else x.is_leaf()\n\n\nf(paddle.ones([2]))\n"
    assert "as an attribute" in refusal(source)


def test_a_variable_of_the_module_has_methods() -> None:
    source = "import paddle\n\nkept = paddle.ones([2, 3])\nturned = kept.transpose([1, 0])\n"
    assert "turned = kept.permute(1, 0)" in port(source).text


def test_a_method_that_the_module_put_onto_tensors_stays_its_own() -> None:
    source = (
        "import paddle\n\n\ndef own(self, size):\n    return self * size\n\n\n"
        "setattr(paddle.Tensor, 'split', own)\nfound = paddle.ones([2, 3]).split(4)\n"
    )
    kept = paddle.Tensor.split
    try:
        assert ".split(4)\n" in port(source).text
    finally:
        paddle.Tensor.split = kept


def port(source: str) -> Ported:
    watcher = Watcher(porting)
    watcher.run(source, "snippet", "snippet.py", {"__name__": "snippet"})
    module = Module("snippet", "snippet.py", source)
    return ported(module, Program({"snippet": module}), watcher.record)


def refusal(source: str) -> str:
    return "; ".join(found.why for found in port(source).refused)


@pytest.mark.parametrize("row", SAME_OBJECTS)
def test_names_are_of_the_same_object(row: str) -> None:
    for name in SAME_OBJECTS[row].split():
        assert _object(name) is _object(row)
        assert by_name()[name] is by_name()[row]


def _object(name: str) -> object:
    root, *path = name.split(".")
    found = {"paddle": paddle, "Tensor": paddle.Tensor}[root]
    for part in path:
        found = getattr(found, part)
    return found


def _cells(function: object) -> dict[str, str]:
    """Torch's words of a function, by what Paddle's decorators hold: [own, other] lists, or a dict of them."""
    found: dict[str, str] = {}
    if isinstance(function, type):
        function = function.__init__
    while function is not None:
        held = getattr(getattr(function, "__code__", None), "co_freevars", ())
        cells = zip(held, getattr(function, "__closure__", None) or (), strict=True)
        for cell in [cell for name, cell in cells if name == "self" or name.startswith("alias_list")]:
            value = cell.cell_contents
            value = getattr(value, "alias_mapping", value)
            if isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value):
                found[value[1]] = value[0]
            elif isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
                found |= value
        function = getattr(function, "__wrapped__", None)
    return found


def test_words_are_paddles() -> None:
    """Each of torch's words that Paddle's decorators take for a row means the argument that the table takes it for."""
    count, wrong = 0, []
    for name, row in by_name().items():
        if row.torch is None or name.partition(".")[0] not in ("paddle", "Tensor"):
            continue
        try:
            known = _cells(_object(name))
        except AttributeError:
            continue
        parameters = row.signature.parameters
        for word, own in known.items():
            if own in parameters and word not in parameters:
                count += 1
                if next((w for w in WORDS.get(word, ()) if w in parameters), None) != own:
                    wrong.append((name, word, own))
    assert not wrong
    assert count > 100
