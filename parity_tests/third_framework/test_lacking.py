"""What a third party's backend lacks, or gets wrong, is one clear line, and breaks nothing that needs it not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nlblocks
from nlblocks import specs
from nlblocks.backend import get
from nlblocks.errors import BackendError, InputError, NoBlockError
from parity_tests.helpers.command_line import call

HAS, LACKED = specs.SqueezeExcitation(in_channels=9, ratio=2), specs.NonLocal(in_channels=4)


def test_a_block_that_it_lacks_is_one_clear_line(numtape: Any) -> None:
    said = r"nlblocks_toy has no NonLocal, which would be in nlblocks_toy\.non_local; choose another backend"
    calls = (
        lambda: nlblocks.build(LACKED, backend="toy"),
        lambda: nlblocks.package("toy").NonLocal,
        lambda: nlblocks.verify(LACKED, ("torch", "toy")),
        lambda: nlblocks.verify(LACKED, ("toy", "torch")),
    )
    for one in calls:
        with pytest.raises(NoBlockError, match=said) as raised:
            one()
        assert "\n" not in str(raised.value)
    assert not hasattr(nlblocks.package("toy"), "NonLocal")
    assert hasattr(nlblocks.package("toy"), "SqueezeExcitation")
    with pytest.raises(AttributeError, match="has no attribute 'NoLocal'"):
        nlblocks.package("toy").NoLocal  # noqa: B018
    with pytest.raises(InputError, match="numtape computes in float64, float32 and float16, received dtype=bfloat16"):
        nlblocks.build(HAS, backend="toy", dtype="bfloat16")


def test_what_it_lacks_is_verified_without_it(numtape: Any, tmp_path: Path, require: Any) -> None:
    require("torch", "paddle")
    report = nlblocks.verify(LACKED)
    assert report
    assert report.backends == ("torch", "paddle", "reference")
    words = ("verify", "--kind", "non_local", "--in-channels", "4", "--json", tmp_path / "found.json")
    found = call(*words)
    assert found.exit_code == 0, found.output
    assert "toy has no NonLocal: left out there" in found.output
    refused = call(*words, "--backends", "torch,toy")
    assert refused.exit_code == 2
    assert refused.output.splitlines()[-1].startswith("nlblocks: nlblocks_toy has no NonLocal")


def test_the_librarys_own_backends_owe_every_block(numtape: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = get("reference")

    def build(spec: Any, **how: Any) -> Any:
        raise NoBlockError("nlblocks_reference has no SqueezeExcitation")

    monkeypatch.setattr(reference, "build", build)
    with pytest.raises(NoBlockError, match="nlblocks_reference has no"):
        nlblocks.verify(HAS)


def test_an_import_that_fails_within_a_block_is_no_lacking_block(
    numtape: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "non_local.py").write_text("import no_such_package\n")
    package = nlblocks.package("toy")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        nlblocks.verify(LACKED)


def test_a_backend_of_another_name_is_one_clear_line(numtape: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get("toy"), "name", "numtape")
    with pytest.raises(BackendError, match="backend 'toy' calls itself 'numtape'; its entry point must have the same"):
        get("toy")
