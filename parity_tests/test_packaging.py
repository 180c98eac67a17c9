"""What a user installs: one wheel, built from the sdist, with exactly four packages."""

from __future__ import annotations

import zipfile
from pathlib import Path

import nlblocks
from parity_tests.helpers.checkout import ROOT, python


def test_wheel_from_the_sdist_holds_exactly_the_four_packages(tmp_path: Path) -> None:
    built = python("-m", "build", "--no-isolation", "--outdir", tmp_path, ROOT)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    (told,) = (zipfile.ZipFile(wheel).read(name).decode() for name in names if name.endswith("/METADATA"))
    assert f"\nVersion: {nlblocks.__version__}\n" in told
    assert "\n# nlblocks\n" in told
    assert "](docs/" not in told  # the index shows the README away from the repository
    top = {name.split("/")[0] for name in names if ".dist-info" not in name.split("/")[0]}
    assert top == {"nlblocks", "nlblocks_torch", "nlblocks_paddle", "nlblocks_reference"}
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "nlblocks").rglob("*.py")}
    backends = {path.relative_to(ROOT / "backends").as_posix() for path in (ROOT / "backends").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == sources | backends
    assert {name for name in names if name.endswith(".pyi")} == {
        f"{name}/__init__.pyi" for name in (*top, "nlblocks/specs")
    }
    assert {name for name in names if name.endswith("py.typed")} == {f"{name}/py.typed" for name in top}
    assert {f"nlblocks/maps/page.{kind}" for kind in ("css", "html", "js")} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
