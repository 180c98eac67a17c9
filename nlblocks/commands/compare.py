"""``nlblocks compare`` and ``nlblocks capture``: the parity lab for the user's own models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from nlblocks.commands.models import ONNX, is_checkpoint, load_inputs, load_model, load_object
from nlblocks.commands.options import OutputFile, refuse_options, refuse_overwriting
from nlblocks.errors import InputError
from nlblocks.statuses import OF_VERDICT

if TYPE_CHECKING:
    from nlblocks.parity.rendering import LabReport

INPUT = "A shape such as 2,3,224,224, or arrays in a .npy or .npz file; named arrays are passed by name."
OPTIMISER = (
    "Train with sgd, momentum, adam or adamw, with settings as in adam:lr=0.01; or package.module:name, a "
    "function from a list of parameters to an optimiser. Twice: for LEFT, then for RIGHT."
)

TARGET = (
    "An input that a loss compares with, by position (from 0) or name: exact data, of which no gradient is wanted. "
    "What goes into a loss as that and into nothing else is known to be one."
)


@click.command()
@click.argument("left")
@click.argument("right")
@click.option("--input", "inputs", multiple=True, help=INPUT)
@click.option("--report", "report_file", type=OutputFile(".html", ".json"), help="Write the report: .html or .json.")
@click.option("--seed", default=0, show_default=True, help="Seed of random inputs, weights and masks.")
@click.option("--rename", multiple=True, metavar="LEFT=RIGHT", help="Pair these names or prefixes by hand.")
@click.option("--keep-weights", is_flag=True, help="Do not make constant weights random.")
@click.option("--no-transfer", is_flag=True, help="Compare the models with the weights they have.")
@click.option("--eval-only", is_flag=True, help="Compare the evaluation forward only.")
@click.option("--initialisation", is_flag=True, help="Compare how two models just built are initialised as well.")
@click.option("--optimiser", multiple=True, metavar="NAME", help=OPTIMISER)
@click.option(
    "--steps", type=int, help="Steps of training to compare: 3 with --optimiser; else one, of sgd; 0 for none."
)
@click.option(
    "--accept", multiple=True, metavar="CAUSE", help="A known cause that is wanted, e.g. batch_norm.variance."
)
@click.option("--target", multiple=True, metavar="INPUT", help=TARGET)
@click.pass_context
def compare(
    ctx: click.Context, left: str, right: str, inputs: tuple[str, ...], report_file: Path | None, seed: int,
    rename: tuple[str, ...], keep_weights: bool, no_transfer: bool, eval_only: bool, optimiser: tuple[str, ...],
    steps: int | None, accept: tuple[str, ...], target: tuple[str, ...], initialisation: bool,
) -> None:  # fmt: skip
    """Find whether two models are the same program, and if not, where and why.

    LEFT and RIGHT are two models, package.module:name or an .onnx file each; or two captures; or a capture and a model,
    which is then run on what the capture holds. The left's weights are given to the right: an .onnx file comes first to
    be compared with the weights that it has, last with the other model's. Exit status 0: the same; 1: different; 2:
    neither is proven, because something could not be compared.

    \b
    nlblocks compare mypkg.models:torch_net mypkg.models:paddle_net --input 2,3,224,224 --report report.html
    nlblocks compare mypkg.models:torch_net mypkg.models:paddle_net --input x.npz --optimiser adamw --steps 5
    nlblocks compare model.onnx mypkg.models:torch_net --input 2,3,224,224
    nlblocks compare torch_run.safetensors paddle_run.safetensors
    """
    pairs = renames(rename)
    _refuse_checkpoints(left, right)
    if _is_capture(left) or _is_capture(right):
        report = _captures(ctx, left, right, pairs, accept)
    else:
        if not inputs:
            raise InputError("--input is missing: give a shape such as --input 2,3,224,224, or a .npz file")
        from nlblocks.parity.compare import compare as compare_models  # here: the other commands need no lab

        given, rule = load_inputs(inputs), _optimiser(optimiser)
        with progress() as say:
            models = loaded(left, say), loaded(right, say)
            report = compare_models(
                *models, given, rename=pairs, seed=seed, randomise=not keep_weights, transfer=not no_transfer,
                training=not eval_only, steps=steps, optimiser=rule, accept=accept, targets=_targets(target),
                initialisation=initialisation,
                progress=say,
            )  # fmt: skip
    _show(report, report_file)
    ctx.exit(OF_VERDICT[report.verdict])


@click.command()
@click.argument("model")
@click.option("--input", "inputs", multiple=True, help=INPUT)
@click.option("--like", type=click.Path(path_type=Path), help="Use the inputs, weights and seed of this capture.")
@click.option("--out", required=True, type=OutputFile(".safetensors"), help="The capture file, .safetensors.")
@click.option("--seed", default=0, show_default=True, help="Seed of random inputs, weights and masks.")
@click.option("--rename", multiple=True, metavar="LEFT=RIGHT", help="With --like: pair these names by hand.")
@click.option("--keep-weights", is_flag=True, help="Do not make constant weights random.")
@click.option("--eval-only", is_flag=True, help="Capture the evaluation forward only.")
@click.option("--optimiser", metavar="NAME", help=OPTIMISER.partition(" Twice")[0].replace("Compare", "Capture"))
@click.option(
    "--steps", type=int, help="Steps of training to capture: 3 with --optimiser; else one, of sgd; 0 for none."
)
@click.option("--target", multiple=True, metavar="INPUT", help=TARGET)
@click.pass_context
def capture(
    ctx: click.Context, model: str, inputs: tuple[str, ...], like: Path | None, out: Path, seed: int,
    rename: tuple[str, ...], keep_weights: bool, eval_only: bool, optimiser: str | None, steps: int | None,
    target: tuple[str, ...],
) -> None:  # fmt: skip
    """Run a model and keep everything in a file that ``nlblocks compare`` reads without any framework.

    \b
    nlblocks capture mypkg.models:torch_net --input x.npz --out torch_run.safetensors
    nlblocks capture mypkg.models:paddle_net --like torch_run.safetensors --out paddle_run.safetensors
    """
    from nlblocks.parity.capturing import capture as capture_model

    if like is not None:
        refuse_options(ctx, "--like gives the inputs, weights and seed", "inputs", "seed", "keep_weights", "target")
        refuse_overwriting(out, like)
    elif rename:
        raise InputError("--rename pairs a model with a capture; give the capture with --like")
    elif not inputs:
        raise InputError("--input is missing: give a shape such as --input 2,3,224,224, a .npz file, or --like CAPTURE")
    given, rule = load_inputs(inputs) if inputs else None, _optimiser((optimiser,) if optimiser else ())
    with progress() as say:
        built = loaded(model, say)
        found = capture_model(
            built, given, like=like, seed=seed, randomise=not keep_weights, training=not eval_only,
            rename=renames(rename), steps=steps, optimiser=rule, targets=_targets(target), progress=say,
        )  # fmt: skip
        say("writing")
        found.save(out)
    for name, trace in found.traces.items():
        if trace.error:
            click.echo(f"{name}: {found.model} fails: {trace.error}")
    operations = len(found.structure.ops)
    click.echo(
        f"{found.model} ({found.framework}): {operations} operations in {out}, {out.stat().st_size / 1e6:.1f} MB"
    )


def _targets(given: tuple[str, ...]) -> list[int | str]:
    """Positions as numbers, names as they are."""
    return [int(target) if target.isdecimal() else target for target in given]


def loaded(text: str, say: Callable[[str], None]) -> Any:
    """The model of a text, having said so."""
    say(f"loading {text}")
    return load_model(text)


def _is_capture(text: str) -> bool:
    return text.endswith(".safetensors") or (":" not in text and not text.endswith(ONNX) and Path(text).is_file())


def _refuse_checkpoints(left: str, right: str) -> None:
    """Files of weights are not compared: they hold no program."""
    from nlblocks.parity.capturing import Capture

    files = [text for text in (left, right) if _is_capture(text) and Path(text).is_file()]
    if any(Capture.is_at(Path(text)) for text in files):
        return  # beside a capture the other is said to be none
    found = [text for text in files if is_checkpoint(Path(text))]
    if len(found) == 2:
        raise InputError(
            f"{left} and {right} are checkpoints, weights without the program that uses them; give the models that "
            "load them, package.module:name; nlblocks inspect shows what is in each, and nlblocks convert --like what "
            "two models compute with one"
        )
    for text in found:
        raise InputError(
            f"{text} is a checkpoint, weights without the program that uses them; give the model that loads it, "
            "package.module:name"
        )


def _captures(
    ctx: click.Context, left: str, right: str, rename: dict[str, str] | None, accept: tuple[str, ...]
) -> LabReport:
    """Two captures, or a capture and a model that is run like it."""
    from nlblocks.parity.capturing import capture as capture_model
    from nlblocks.parity.capturing import load_capture
    from nlblocks.parity.compare_captures import compare_captures

    made = (
        "inputs", "seed", "keep_weights", "no_transfer", "eval_only", "initialisation", "optimiser", "steps", "target",
    )  # fmt: skip
    refuse_options(ctx, "a capture holds what was run", *made)
    if not _is_capture(left):
        raise InputError(f"give the capture first: nlblocks compare {right} {left}")
    first = load_capture(left)
    if _is_capture(right):
        return compare_captures(first, load_capture(right), rename=rename, accept=accept)
    with progress() as say:
        model = loaded(right, say)
        training = "train" in first.traces
        second = capture_model(model, like=first, rename=rename, training=training, progress=say)
    return compare_captures(first, second, rename=rename, accept=accept)


def _optimiser(given: tuple[str, ...]) -> Any:
    """A name, or a function for each side."""
    if len(given) > 2:
        raise InputError(f"--optimiser is given {len(given)} times; give it once, or once for each model")
    found = [load_object(one, "optimiser") if _is_reference(one) else one for one in given]
    for one, text in zip(found, given, strict=True):
        if not isinstance(one, str) and not callable(one):
            raise InputError(f"--optimiser {text} is of type {type(one).__name__}, and no function of parameters")
    if len(found) == 1 and not isinstance(found[0], str):
        return found[0], found[0]
    return tuple(found) if len(found) == 2 else found[0] if found else None


def _is_reference(text: str) -> bool:
    """Whether an optimiser is ``package.module:name`` and not ``adam:lr=0.01``."""
    head, colon, rest = text.partition(":")
    return bool(colon) and "=" not in rest and head not in ("sgd", "momentum", "adam", "adamw")


def renames(given: tuple[str, ...]) -> dict[str, str] | None:
    """Pairs by hand, of LEFT=RIGHT."""
    found: dict[str, str] = {}
    for text in given:
        left, equals, right = text.partition("=")
        if not equals or not left:
            raise InputError(f"--rename {text!r} must be LEFT=RIGHT, e.g. backbone.fc=head")
        if left in found:
            raise InputError(f"--rename {text!r}: {left} is renamed twice; give each name once")
        found[left] = right
    return found or None


def _show(report: LabReport, target: Path | None) -> None:
    console = Console()
    console.print(str(report), style=None if report else "red", highlight=False, markup=False, soft_wrap=True)
    if target is not None:
        report.save(target)
        console.print(f"report: {target}", highlight=False, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A line on the terminal that says what runs now and for how long; nothing where there is no terminal."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, transient=True, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda text: bar.update(task, description=text)
