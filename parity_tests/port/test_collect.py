"""What a port holds of a package: all that what it keeps needs, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("libcst")

from nlblocks.port.job import Job
from nlblocks.port.observe import Place, Record, Seen
from nlblocks.port.observe.record import FileRecord
from nlblocks.port.port import translate


def written(
    folder: Path, entry: str, files: Mapping[str, str], seen: Mapping[str, FileRecord] | None = None
) -> dict[str, str]:
    """The texts of a port of files, by module; nothing ran but what was ``seen``."""
    for name, text in files.items():
        path = folder / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    job = Job.of([entry], folder / "out", path=[folder / "sources"], kwargs="", inputs=(), weights=(), setup=None)
    ran = {name: str(folder / "sources" / f"{name.replace('.', '/')}.py") for name in seen or {}}
    return {name: found.text for name, found in translate(job, Record(dict(seen or {}), ran)).items()}


def test_what_is_looked_up_on_a_module_that_another_shows_is_kept(tmp_path) -> None:
    files = {
        "shop/net.py": "from shop.tools import sizes\n\n\ndef size():\n    return sizes.SMALL + sizes.LARGE\n",
        "shop/tools/__init__.py": "from .inner import sizes\n",
        "shop/tools/inner/__init__.py": "from . import sizes\n",
        "shop/tools/inner/sizes.py": "SMALL = 1\nMIDDLE = 2\nLARGE = 3\n",
    }
    assert written(tmp_path, "shop.net:size", files)["shop.tools.inner.sizes"] == "SMALL = 1\nLARGE = 3\n"


def test_what_is_looked_up_on_a_module_by_text_is_shown_there(tmp_path) -> None:
    files = {
        "shop/net.py": "from shop import parts\n\n\ndef size(kind):\n    return getattr(parts, kind)()\n",
        "shop/parts/__init__.py": "from .sizes import small, large\n",
        "shop/parts/sizes.py": "def small():\n    return 1\n\n\ndef large():\n    return 2\n",
    }
    given = {"0": Seen({"module:shop.parts"}), "1": Seen({"str"}, ["large"])}
    place = Place(callees={"builtins:getattr"}, arguments=given)
    found = written(tmp_path, "shop.net:size", files, {"shop.net": FileRecord({(5, 11, 5, 31): place})})
    assert found["shop.parts"] == "from .sizes import large\n"


def test_what_is_left_out_leaves_its_blank_lines(tmp_path) -> None:
    files = {"net.py": "def size():\n    return LARGE\n\n\n# too few\nSMALL = 1\nLARGE = 2\n"}
    assert written(tmp_path, "net:size", files)["net"] == "def size():\n    return LARGE\n\n\nLARGE = 2\n"


def test_what_a_function_imports_and_finds_by_text_is_kept(tmp_path) -> None:
    files = {
        "shop/net.py": (
            "def made(kind, name):\n"
            '    if kind == "small":\n        from shop.small import Box\n'
            "    else:\n        from shop.large import Bag, Box\n"
            "    return eval(name)()\n"
        ),
        "shop/small.py": "class Box:\n    pass\n",
        "shop/large.py": "class Box:\n    pass\n\n\nclass Bag:\n    pass\n",
    }
    place = Place(callees={"shop.large:Box"})
    seen = {"shop.net": FileRecord({(6, 11, 6, 23): place}), "shop.large": FileRecord()}
    found = written(tmp_path, "shop.net:made", files, seen)
    assert "        from shop_torch.large import Box\n" in found["shop.net"]
    assert found["shop.large"] == "class Box:\n    pass\n"


def test_a_decorator_of_what_is_not_installed_is_left_out_where_it_did_nothing(tmp_path) -> None:
    text = (
        "from absent_checks import checked, counted\n\n\n"
        "@checked\ndef size():\n    return 1\n\n\n"
        "class Box:\n    @checked\n    @counted\n    def size(self):\n        return size()\n"
    )
    kept, lost = Place(callees={"stand_in:Any"}, same=False), Place(callees={"stand_in:Any"}, same=True)
    seen = {"net": FileRecord({(4, 1, 4, 8): lost, (10, 5, 10, 12): lost, (11, 5, 11, 12): kept})}
    found = written(tmp_path, "net:Box", {"net.py": text}, seen)["net"]
    assert "@checked" not in found
    assert "counted = NotPorted('counted of absent_checks, which was not installed')" in found
    assert "    @counted\n    def size(self):" in found
