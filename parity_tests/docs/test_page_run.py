"""What runs the pages catches what goes otherwise than a page says, and names page and line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parity_tests.helpers import pages
from parity_tests.helpers.pages import PageFailed, PageRun, agrees

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the pages' commands are written for a POSIX shell")

RIGHT = """# A page

```python title="lib/mine.py"
def double(x):
    return 2 * x
```

```python
from lib.mine import double

print(double(21))
```

```output
42
```

1. In a list:

    ```console
    $ pip install nothing-that-exists
    $ python -c "from lib.mine import double; print('first'); print(double(4))" \\
          && echo done
    first
    ...
    do...e
    $ mkdir below && cd below && export WORD='a b'
    $ pwd | xargs basename; echo $WORD
    below
    a b
    $ false
    $ echo $?
    1
    ```

```python
from pathlib import Path

assert Path("below").is_dir(), double  # what stands above is still known
```

```yaml
on: push
jobs:
  check:
    steps:
      - run: nlblocks compare a:b c:d --input 1,3
      - run: |
          pip install x
          nlblocks verify --kind non_local
```
"""


def failures(tmp_path: Path, text: str) -> list[str]:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    (tmp_path / "reader").mkdir()
    try:
        PageRun(page, tmp_path / "reader", tmp_path / "notes").run()
    except PageFailed as error:
        return str(error).splitlines()
    return []


def test_a_right_page_runs(tmp_path: Path) -> None:
    assert failures(tmp_path, RIGHT) == []


@pytest.mark.parametrize(
    ("right", "wrong", "line", "said"),
    [
        pytest.param("42\n", "43\n", 15, "another output than the page's", id="an output of Python"),
        pytest.param("    first\n", "    last\n", 22, "another output", id="an output of a command"),
        pytest.param(
            "print(double(21))", "print(double(21)); 1 / 0", 11, "ZeroDivisionError", id="a block that raises"
        ),
        pytest.param("print(double(21))", "print(double(21)", 11, "SyntaxError", id="a block that is no Python"),
        pytest.param(
            "print(double(21))", "import os; os._exit(0)", 9, "came to an end", id="an end of the interpreter"
        ),
        pytest.param("print(double(21))", "raise SystemExit(0)", 11, "SystemExit", id="a block that leaves"),
        pytest.param("    $ echo $?\n    1\n", "    $ true\n", 31, "exit status 1: false", id="an exit status of 1"),
        pytest.param(
            "    $ echo $?\n    1\n", "    $ echo $?\n    0\n", 32, "another output", id="another exit status"
        ),
        pytest.param("return 2 * x", "return x", 15, "another output", id="a file that a block writes"),
        pytest.param("```output", "```outptu", 14, "of kind 'outptu'", id="a kind of block that is not known"),
        pytest.param("lib/mine.py", "../mine.py", 4, "outside its folder", id="a file elsewhere"),
        pytest.param("verify --kind", "verfy --kind", 50, "no command verfy", id="a command of a workflow"),
        pytest.param("d --input", "d --inptu", 47, "no option --inptu", id="an option of a workflow"),
    ],
)
def test_what_goes_otherwise_is_caught_with_page_and_line(
    tmp_path: Path, right: str, wrong: str, line: int, said: str
) -> None:
    assert right in RIGHT
    told = failures(tmp_path, RIGHT.replace(right, wrong, 1))
    assert any(said in one and one.startswith(f"page.md:{line}: ") for one in told), told


@pytest.mark.parametrize(
    ("expected", "printed", "right"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb", "a\nb\nc\n", False),
        ("a", "ab", False),
        ("a...", "ab", True),
        ("...\nb", "b", True),
        ("...\nb", "a\na\nb", True),
        ("a\n...", "a\n", True),
        ("a\n...\nc", "a\nb\nd", False),
        ("took ... s\n", "took 1.25 s  \n", True),
        ("took ... s\n", "took 1.25\ns\n", False),
    ],
)
def test_dots_stand_for_anything_and_nothing_else_does(expected: str, printed: str, right: bool) -> None:
    assert agrees(expected, printed) is right


def test_what_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SECONDS", 2)
    text = "```python\nimport time\n\ntime.sleep(99)\n```\n\n```console\n$ sleep 99\n```\n"
    assert failures(tmp_path, text) == [
        "page.md:2: the interpreter came to an end in this block, or took more than 2 s",
        "page.md:8: not done after 2 s: sleep 99",
    ]
