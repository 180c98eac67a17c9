"""The table's judge by a peer's suite: a planted wrong row is found, and other faults are not taken for ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from benchmarks.port.peer import table
from benchmarks.port.peer.judge import MARK, Outcome, judge
from benchmarks.port.peer.read import Snippet, snippets
from nlblocks.port.table import by_name

TORCH = "import torch\nx = torch.tensor([1.0, 2.0, 4.0])\n"
PADDLE = "import paddle\nx = paddle.to_tensor([1.0, 2.0, 4.0])\n"


def judged(torch: str, paddle: str, *, head: str = TORCH) -> Outcome:
    snippet = Snippet("test_sub.py::test_case_1:0", "torch.sub", f"{head}{torch}\n", ("result",))
    return judge(snippet, lambda code: f"{PADDLE}{paddle}\n")


def test_a_right_row_is_the_same() -> None:
    found = judged("result = torch.sub(x, 3)", "result = paddle.subtract(x, paddle.to_tensor(3.0))")
    assert (found.outcome, found.why) == ("same", "")
    assert "paddle.subtract" in found.rows


def test_a_wrong_row_is_different(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(by_name()["paddle.subtract"], torch="torch.add(input, other)", variants=())
    monkeypatch.setitem(by_name(), "paddle.subtract", wrong)
    found = judged("result = torch.sub(x, 3)", "result = paddle.subtract(x, paddle.to_tensor(3.0))")
    assert found.outcome == "different", found
    assert "torch.add" in found.torch
    assert table.summary([found.to_dict()]).count("1 different") == 1


@pytest.mark.parametrize(
    ("torch", "paddle", "outcome"),
    [
        ("result = x * 2", "result = x * 3", "theirs"),
        ("result = x * 2", "result = x.no_such_method()", "theirs"),
        ("result = x * 2", f"{MARK} result = x * 2", "peer"),
        ("result = x.no_such_method()", "result = x * 2", "original"),
        ("import os\nos._exit(3)", "result = x * 2", "original"),
        ("result = torch.rand(3)", "result = paddle.rand([3])", "random"),
        ("result = 2.0", "paddle.set_printoptions(4)\nresult = 2.0", "refused"),
        ("result = x * 2", "result = x * 2 if hasattr(x, 'stop_gradient') else None.x", "error"),
        ("result = 2.0", "result = 2.0 if hasattr(x, 'stop_gradient') else 3.0", "different"),
        ("result = torch.rand(3)", "result = paddle.rand([3 if hasattr(x, 'stop_gradient') else 4])", "different"),
    ],
)
def test_each_fault_is_laid_where_it_is(torch: str, paddle: str, outcome: str) -> None:
    found = judged(torch, paddle)
    assert found.outcome == outcome, found


def test_tests_are_read_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "test_sub.py").write_text(
        "import textwrap\nobj = APIBase('torch.sub')\nraise SystemExit\n"
        "def test_case_1():\n    code = textwrap.dedent('''\n        import torch\n        a = 1\n        ''')\n"
        "    obj.run(code, ['a', 'b'], check_value=False)\n"
        "def test_case_2():\n    obj.run('b = 2', ['b'])\n    obj.run(made(), ['b'])\n    obj.run('b = 3')\n"
    )
    (tmp_path / "no_python.txt.py").write_text(">>>")
    found = snippets(tmp_path)
    assert [(s.api, s.code, s.names) for s in found] == [
        ("torch.sub", "import torch\na = 1\n", ("a", "b")),
        ("torch.sub", "b = 2", ("b",)),
    ]


def test_what_the_table_lacks_does_not_count(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"first sight\n{table.BEGIN}\nold\n{table.END}\nmore\n")
    rows = [
        {"outcome": "same", "rows": ["paddle.concat", "paddle.sum"]},
        {"outcome": "refused", "refused": [["paddle.sum", "why"]], "rows": ["paddle.concat"]},
        {"outcome": "refused", "refused": [["paddle.nothing", "no row"]], "lacking": True},
        {"outcome": "theirs"},
    ]
    table.into(page, rows)
    text = page.read_text()
    assert "4 snippets; 2 whose APIs the table has: 1 same, 1 refused, 0 different, 0 error; 50.0% the same" in text
    assert "| `paddle.sum` | 1 | 1 |  |  |" in text
    assert "| `paddle.concat` | 1 |  |  |  |" in text
    assert "`paddle.nothing` (1)" in text
    assert text.startswith("first sight\n")
    assert "old" not in text
