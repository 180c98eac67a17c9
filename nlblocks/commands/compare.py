"""``nlblocks compare`` and ``nlblocks capture``: the parity lab for the user's own models."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from nlblocks.commands.options import shape_from_text
from nlblocks.errors import InputError
from nlblocks.parity.lab_report import LabReport

WHAT = "A model is package.module:name, where name is a model or makes one when called without arguments."


@click.command()
@click.argument("left")
@click.argument("right")
@click.option("--input", "inputs", multiple=True, help="A shape such as 2,3,224,224, or arrays in a .npy or .npz file.")
@click.option("--report", "report_file", type=click.Path(path_type=Path), help="Write the report: .html or .json.")
@click.option("--seed", default=0, show_default=True, help="Seed of random inputs, weights and masks.")
@click.option("--rename", multiple=True, metavar="LEFT=RIGHT", help="Pair these names or prefixes by hand.")
@click.option("--keep-weights", is_flag=True, help="Do not make constant weights random.")
@click.option("--no-transfer", is_flag=True, help="Compare the models with the weights they have.")
@click.option("--eval-only", is_flag=True, help="Compare the evaluation forward only.")
@click.option(
    "--accept", multiple=True, metavar="CAUSE", help="A known cause that is wanted, e.g. batch_norm.variance."
)
def compare(
    left: str, right: str, inputs: tuple[str, ...], report_file: Path | None, seed: int, rename: tuple[str, ...],
    keep_weights: bool, no_transfer: bool, eval_only: bool, accept: tuple[str, ...],
) -> None:  # fmt: skip
    """Find whether two models are the same program, and if not, where and why (exit status 1).

    LEFT and RIGHT are two models, package.module:name each, or two captures.

    \b
    nlblocks compare mypkg.models:torch_net mypkg.models:paddle_net --input 2,3,224,224 --report report.html
    nlblocks compare torch_run.safetensors paddle_run.safetensors
    """
    if report_file is not None and report_file.suffix not in (".html", ".json"):
        raise InputError(f"--report {report_file} must end in .html or .json")
    pairs = _renames(rename)
    if left.endswith(".safetensors") or right.endswith(".safetensors"):
        from nlblocks.parity.capture import compare_captures, load_capture

        report = compare_captures(load_capture(left), load_capture(right), rename=pairs, accept=accept)
    else:
        if not inputs:
            raise InputError("--input is missing: give a shape such as --input 2,3,224,224, or a .npz file")
        from nlblocks.parity.lab import compare as compare_models

        models = _model(left), _model(right)
        with _progress() as say:
            report = compare_models(
                *models, _inputs(inputs), rename=pairs, seed=seed, randomise=not keep_weights,
                transfer=not no_transfer, training=not eval_only, accept=accept, progress=say,
            )  # fmt: skip
    _show(report, report_file)
    sys.exit(0 if report else 1)


@click.command()
@click.argument("model")
@click.option("--input", "inputs", multiple=True, help="A shape such as 2,3,224,224, or arrays in a .npy or .npz file.")
@click.option("--like", type=click.Path(path_type=Path), help="Use the inputs and weights of this capture.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The capture file, .safetensors.")
@click.option("--seed", default=0, show_default=True, help="Seed of random inputs, weights and masks.")
@click.option("--rename", multiple=True, metavar="LEFT=RIGHT", help="With --like: pair these names by hand.")
@click.option("--keep-weights", is_flag=True, help="Do not make constant weights random.")
@click.option("--eval-only", is_flag=True, help="Capture the evaluation forward only.")
def capture(
    model: str, inputs: tuple[str, ...], like: Path | None, out: Path, seed: int, rename: tuple[str, ...],
    keep_weights: bool, eval_only: bool,
) -> None:  # fmt: skip
    """Run a model and keep everything in a file that ``nlblocks compare`` reads without any framework.

    \b
    nlblocks capture mypkg.models:torch_net --input x.npz --out torch_run.safetensors
    nlblocks capture mypkg.models:paddle_net --like torch_run.safetensors --out paddle_run.safetensors
    """
    if out.suffix != ".safetensors":
        raise InputError(f"--out {out} must end in .safetensors")
    if not inputs and like is None:
        raise InputError("--input is missing: give a shape such as --input 2,3,224,224, a .npz file, or --like CAPTURE")
    from nlblocks.parity.capture import capture as capture_model

    built = _model(model)
    with _progress() as say:
        found = capture_model(
            built, _inputs(inputs) if inputs else None, like=like, seed=seed, randomise=not keep_weights,
            training=not eval_only, rename=_renames(rename), progress=say,
        )  # fmt: skip
        say("writing")
        found.save(out)
    operations = len(found.traces["eval"].ops)
    click.echo(
        f"{found.model} ({found.framework}): {operations} operations in {out}, {out.stat().st_size / 1e6:.1f} MB"
    )


def _model(text: str) -> Any:
    """The model of ``package.module:name``."""
    module_name, colon, name = text.partition(":")
    if not colon or not module_name or not name:
        raise InputError(f"{text!r} is no model: write package.module:name, or give two .safetensors captures")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise InputError(f"cannot import {module_name}: {error}") from None
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(f"{module_name} has no {name}; {WHAT}")
        found = getattr(found, part)
    if isinstance(found, type) or not (hasattr(found, "parameters") and hasattr(found, "forward")):
        if not callable(found):
            raise InputError(f"{text} is a {type(found).__name__}; {WHAT}")
        try:
            found = found()
        except Exception as error:
            raise InputError(f"{text}() raises {type(error).__name__}: {error}; {WHAT}") from None
    return found


def _inputs(given: tuple[str, ...]) -> Any:
    """Shapes and arrays from the command line."""
    found: list[Any] = []
    for text in given:
        if not text.endswith((".npy", ".npz")):
            found.append(shape_from_text(text))
            continue
        try:
            loaded = np.load(text, allow_pickle=False)
            found += [loaded] if isinstance(loaded, np.ndarray) else [loaded[name] for name in loaded.files]
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"--input {text} cannot be read: {error}") from None
    return found[0] if len(found) == 1 else tuple(found)


def _renames(given: tuple[str, ...]) -> dict[str, str] | None:
    for text in given:
        if "=" not in text:
            raise InputError(f"--rename {text!r} must be LEFT=RIGHT, e.g. backbone.fc=head")
    return dict(text.split("=", 1) for text in given) or None


def _show(report: LabReport, target: Path | None) -> None:
    console = Console()
    console.print(str(report), style=None if report else "red", highlight=False, markup=False, soft_wrap=True)
    if target is not None:
        report.save(target)
        console.print(f"report: {target}", highlight=False, soft_wrap=True)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A line on the terminal that says what runs now and for how long."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda text: bar.update(task, description=text)
