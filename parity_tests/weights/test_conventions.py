"""Each framework's table of names and layouts: against the framework's own layers, and between any two tables."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import nlblocks
from nlblocks import backend
from nlblocks.commands.files import convert
from nlblocks.conventions import Conventions, conventions_of, framework_of, frameworks
from nlblocks.errors import BackendError, InputError
from nlblocks.weights.conversion import Options
from nlblocks.weights.convert import plan
from nlblocks.weights.files import DTYPES, in_memory, open_checkpoint, write_checkpoint
from parity_tests.weights.tables import FABLE, OWN_LAYERS, as_told_by, bits, checkpoint, disagreements

ROOT = Path(nlblocks.__file__).parents[1]
Register = Callable[[str, Any], None]
# The hooks of torch.nn.utils are what older models were saved with.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[Register]:
    """``register("fable", FABLE)``: an entry point whose package has a module ``conventions``."""
    found: list[EntryPoint] = []
    monkeypatch.setattr(backend, "entry_points", lambda group: found if group == "nlblocks.backends" else [])

    def add(name: str, conventions: Any) -> None:
        package = types.ModuleType(f"{name}_backend")
        module = types.ModuleType(f"{name}_backend.conventions")
        module.conventions = conventions  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, package.__name__, package)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        found.append(EntryPoint(name, package.__name__, "nlblocks.backends"))
        backend.rows.cache_clear()

    backend.rows.cache_clear()
    yield add
    monkeypatch.undo()
    backend.rows.cache_clear()


# The tables of the frameworks


@pytest.mark.parametrize("framework", OWN_LAYERS)
def test_a_table_agrees_with_the_frameworks_own_layers(framework: str, require: Any) -> None:
    require(framework)
    assert disagreements(conventions_of(framework), checkpoint(framework)) == []


OTHERS = {"torch": "paddle", "paddle": "torch"}
ELSEWHERE = ("pruning", "generated", "kept")
"""Fields of which the layers' own tensors say nothing: below, and in test_generated.py and test_optimiser.py."""
FIELDS = [item.name for item in fields(Conventions) if item.name not in ("title", "safetensors", *ELSEWHERE)]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("framework", OWN_LAYERS)
def test_a_wrong_entry_is_found(framework: str, field: str, require: Any) -> None:
    require(framework)
    for other in (conventions_of(OTHERS[framework]), FABLE):
        own, wrong = getattr(conventions_of(framework), field), getattr(other, field)
        planted = replace(conventions_of(framework), **{field: wrong})
        assert bool(disagreements(planted, checkpoint(framework))) == (
            wrong != own and (field != "parametrised" or framework == "torch" or wrong is not None)
        )


def test_every_framework_has_a_table_and_the_reference_has_no_files() -> None:
    assert frameworks()[:2] == list(OWN_LAYERS)
    assert [framework_of(said) for said in ("pt", "paddle", "np", "")] == ["torch", "paddle", None, None]
    with pytest.raises(BackendError, match=r"backend 'reference' has no files.* one of 'torch', 'paddle'"):
        conventions_of("reference")
    with pytest.raises(BackendError, match="backend 'jax' is unknown"):
        plan({}, Options(source="jax", target="torch"))


def test_what_pruning_is_called_exists(require: Any) -> None:
    require("torch")
    import torch
    from torch.nn.utils import prune

    assert conventions_of("torch").pruning == prune.__name__
    layer = prune.identity(torch.nn.Linear(2, 2), "weight")
    assert {"weight_orig", "weight_mask"} <= set(layer.state_dict())


def test_two_heads_out_of_one() -> None:
    """q above k above v: of a fused projection shapes do not tell the order."""
    whole = np.arange(12.0).reshape(6, 2)
    arrays = {"in_proj_weight": whole, "in_proj_bias": np.arange(6.0), "out_proj.weight": np.eye(2),
              "out_proj.bias": np.ones(2)}  # fmt: skip
    tensors = {name: in_memory(array, DTYPES["float64"]) for name, array in arrays.items()}
    done = plan(tensors, Options(source="torch", target="paddle")).tensors
    for index, part in enumerate("qkv"):
        assert np.array_equal(done[f"{part}_proj.weight"].numpy(), whole[2 * index : 2 * index + 2].T)


# Between any two tables


@pytest.mark.parametrize("framework", OWN_LAYERS)
def test_a_third_framework_costs_a_table(framework: str, register: Register, require: Any, tmp_path: Path) -> None:
    require(framework)
    register("fable", FABLE)
    source = checkpoint(framework)
    write_checkpoint(tmp_path / "a.safetensors", source, layout=framework)
    for before, after, to in (("a", "b", "fable"), ("b", "c", framework)):
        arguments = [str(tmp_path / f"{name}.safetensors") for name in (before, after)]
        result = CliRunner().invoke(convert, [*arguments, "--to", to])
        assert result.exception is None, result.exception
    there = open_checkpoint(tmp_path / "b.safetensors")
    assert there.layout == "fable"
    assert disagreements(as_told_by(framework, FABLE), there.tensors) == []
    assert bits(open_checkpoint(tmp_path / "c.safetensors").tensors) == bits(source)


@pytest.mark.parametrize("field", [*FIELDS, *ELSEWHERE])
@pytest.mark.parametrize("framework", OWN_LAYERS)
def test_any_mixture_of_two_tables_is_a_third(framework: str, field: str, register: Register, require: Any) -> None:
    require(framework)
    own, source = conventions_of(framework), checkpoint(framework)
    for index, other in enumerate((conventions_of(OTHERS[framework]), FABLE)):
        for one, rest in ((own, other), (other, own)):  # all but one field are of the one
            mixed = replace(one, title="Mixed", safetensors=f"{index}", **{field: getattr(rest, field)})
            name = f"mixed{index}{one is own}"
            register(name, mixed)
            there = plan(source, Options(source=framework, target=name))
            back = plan(there.tensors, Options(source=name, target=framework), there.record)
            assert bits(back.tensors) == bits(source)
            assert disagreements(as_told_by(framework, mixed), there.tensors) == []


def test_a_block_is_turned_for_a_framework_that_turns_linear_weights(register: Register, tmp_path: Path) -> None:
    register("fable", FABLE)
    spec = nlblocks.specs.SqueezeExcitation(in_channels=8, ratio=2)
    state = nlblocks.state_of(nlblocks.build(spec, backend="reference", dtype="float64"))
    nlblocks.save(state, tmp_path / "a.safetensors", spec)
    arguments = [str(tmp_path / "a.safetensors"), str(tmp_path / "b.safetensors"), "--to", "fable"]
    assert CliRunner().invoke(convert, arguments).exception is None
    there = open_checkpoint(tmp_path / "b.safetensors")
    turned = {param.name for param in spec.params() if param.layout == "linear"}
    assert turned
    assert all(there[name].shape == state[name].shape[:: -1 if name in turned else 1] for name in state)
    loaded = nlblocks.load(tmp_path / "b.safetensors", backend="reference", spec=spec)
    assert all(np.array_equal(array, state[name]) for name, array in nlblocks.state_of(loaded).items())


# What a backend may get wrong


def test_a_question_and_a_refusal_name_the_frameworks(register: Register) -> None:
    register("fable", FABLE)
    odd = {"odd.weight": in_memory(np.ones((2, 2)), DTYPES["float64"])}
    with pytest.raises(InputError, match=r"odd\.weight \(2, 2\); torch and Fable hold Linear weights turned"):
        plan(odd, Options(source="fable", target="torch"))
    assert bits(plan(odd, Options(source="fable", target="paddle")).tensors) == bits(odd)
    pruned = {f"fc.weight_{part}": odd["odd.weight"] for part in ("orig", "mask")}
    for source, target in (("torch", "fable"), ("fable", "torch")):
        with pytest.raises(InputError, match=r"pruned \(torch\.nn\.utils\.prune\), for which Fable has nothing"):
            plan(pruned, Options(source=source, target=target))


def test_a_table_that_is_none_is_one_clear_line(register: Register, tmp_path: Path) -> None:
    register("odd", {"linear_in_out": True})
    with pytest.raises(
        BackendError, match=r"backend 'odd': odd_backend\.conventions\.conventions must be Conventions, not dict"
    ):
        conventions_of("odd")
    register("odd", replace(FABLE, safetensors="pt"))
    one = {"a": in_memory(np.ones(2), DTYPES["float64"])}
    with pytest.raises(
        BackendError, match="backend 'odd': its conventions say safetensors='pt', as those of 'torch' do"
    ):
        write_checkpoint(tmp_path / "a.safetensors", one, layout="odd")
    assert not (tmp_path / "a.safetensors").exists()


def test_what_is_offered_is_what_is_registered(register: Register) -> None:
    register("fable", FABLE)
    listed = CliRunner().invoke(convert, ["--help"]).output
    assert "--to [torch|paddle|fable|safetensors]" in listed
    assert "--from [torch|paddle|fable]" in listed
    refused = CliRunner().invoke(convert, ["a.pth", "b.pth", "--from", "reference"])
    assert "'reference' is not one of 'torch', 'paddle', 'fable'" in refused.output


# Without a framework


def python(code: str) -> str:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "backends")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


LOADED = "import sys; print(sorted({'torch', 'paddle'} & set(sys.modules)))"


def test_no_table_imports_a_framework(require: Any) -> None:
    tables = (
        "from nlblocks.conventions import conventions_of, frameworks; [conventions_of(name) for name in frameworks()]"
    )
    assert python(f"{tables}; {LOADED}") == "[]"
    require("torch")
    assert python(f"{tables}; import nlblocks_torch; nlblocks_torch.backend; {LOADED}") == "['torch']"


def test_files_convert_without_a_framework(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.pth", {"fc.weight": in_memory(np.ones((2, 3)), DTYPES["float64"])})
    code = "from nlblocks.cli import main; main(['convert', 'a.pth', 'a.pdparams'], standalone_mode=False)"
    assert python(f"import os; os.chdir({str(tmp_path)!r}); {code}; {LOADED}").splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "first", ["nlblocks_{0}.backend", "nlblocks_{0}.plug", "nlblocks_{0}", "nlblocks_{0}.conventions"]
)
@pytest.mark.parametrize("name", OWN_LAYERS)
def test_a_packages_backend_is_the_object_whatever_is_imported_first(name: str, first: str, require: Any) -> None:
    require(name)
    native = f"nlblocks_{name}"
    code = (
        f"import importlib; importlib.import_module({first.format(name)!r}); import {native}, nlblocks.backend; "
        f"from {native}.backend import backend; from {native} import backend as again; "
        f"print(nlblocks.backend.get({name!r}) is {native}.backend is backend is again, backend.name)"
    )
    assert python(code) == f"True {name}"


def test_whose_block_it_is_imports_no_other_framework(require: Any, tmp_path: Path) -> None:
    require("torch", "paddle")
    code = (
        "import nlblocks; block = nlblocks.build(nlblocks.specs.NonLocal(in_channels=4), backend='paddle'); "
        "from nlblocks.conventions import frameworks; frameworks(); nlblocks.state_of(block)"
    )
    assert python(f"{code}; {LOADED}") == "['paddle']"
