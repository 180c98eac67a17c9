"""``nlblocks inspect``, ``nlblocks convert`` and ``nlblocks dialects``: checkpoint files from the command line."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from nlblocks.catalogue import dialect_rows
from nlblocks.commands.like import by_pairing, said
from nlblocks.commands.models import ONNX
from nlblocks.commands.options import Framework, OutputFile, refuse_fields, refuse_overwriting, spec_from_options
from nlblocks.conventions import conventions_of, frameworks
from nlblocks.errors import InputError
from nlblocks.specs.base import Shape, spec_from_dict
from nlblocks.statuses import OF_VERDICT, Status
from nlblocks.weights import dialects as all_dialects
from nlblocks.weights.answers import KINDS
from nlblocks.weights.conversion import Options, Plan, renamed_record
from nlblocks.weights.convert import plan
from nlblocks.weights.files import Checkpoint, Tensor, open_checkpoint, write_checkpoint
from nlblocks.weights.files.contents import UNSAID, Model
from nlblocks.weights.files.parts import SeveralSets
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.reading import read_contents
from nlblocks.weights.files.writing import LAYOUTS, format_of
from nlblocks.weights.generated import own_names
from nlblocks.weights.layout import layout_of, plan_of
from nlblocks.weights.optimiser import Carried, carry, left_as_it_is
from nlblocks.weights.recognise import outermost, recognise

KEY = click.option("--key", help="Nested dict to take, e.g. model or ema.state_dict; '' is everything.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@KEY
@click.option("--dialect", help="Look for the blocks of this codebase only.")
def inspect(file: Path, key: str | None, dialect: str | None) -> None:
    """Show what is in a checkpoint: tensors as a tree, sizes, and the blocks recognised in it. Nothing is executed.

    Of an .onnx file also its operators, inputs and outputs, opset, producer and metadata.
    """
    if dialect is not None:
        all_dialects.get(dialect)
    question = ""
    try:
        checkpoint = _opened(file, key)
    except SeveralSets as error:  # to choose one, a reader must see them
        checkpoint, question = open_checkpoint(file, ""), str(error)
    click.echo(f"{file}: {checkpoint.format}, {_size(file)} on disk")
    for line in checkpoint.lines:
        click.echo(line)
    where = f" under {shown(checkpoint.key)!r}" if checkpoint.key else ""
    prefix = f", all with the prefix {checkpoint.prefix!r}" if checkpoint.prefix else ""
    click.echo(f"{len(checkpoint)} tensors{where}, {human(checkpoint.nbytes)}{prefix}")
    if not checkpoint.told:
        found, why = layout_of({name: tensor.shape for name, tensor in checkpoint.items()})
        click.echo(f"whose layout it has the file does not say: {f'{found}, by its tensors: ' if found else ''}{why}")
    generated = own_names(checkpoint, conventions_of(checkpoint.layout))[0]
    if generated:
        name, own = next(iter(generated.items()))
        title = conventions_of(checkpoint.layout).title
        click.echo(f"{len(generated)} names are of {title}'s own making: {shown(name)} is {shown(own)} to convert")
    for line in tree(checkpoint.tensors):
        click.echo(line)
    for line in _beside(checkpoint):
        click.echo(line)
    for head, count in _elsewhere(checkpoint).items():
        click.echo(f"{count} tensors more under {shown(head)!r}: see --key")
    if question:
        click.echo(question)
    if checkpoint.spec is not None:
        click.echo(f"spec in the file: {spec_from_dict(checkpoint.spec)}")
    among = None if dialect is None else [dialect]
    blocks = recognise({name: tensor.shape for name, tensor in checkpoint.items()}, among)
    blocks = blocks or recognise(_shapes_ported(checkpoint), among)
    click.echo("recognised blocks:" if blocks else "recognised blocks: none")
    for block, inside in outermost(blocks):
        click.echo(f"  {block}{f'; its own blocks are at {_some([*map(shown, inside)])}' if inside else ''}")


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("destination", type=OutputFile())
@click.option("--to", "to", type=Framework("safetensors"), help="Default: by the name.")
@click.option("--from", "from_", type=Framework(), help="Whose layout SOURCE has; default: by its format.")
@KEY
@click.option("--dialect", help="Codebase that SOURCE comes from: its blocks get canonical names.")
@click.option("--to-dialect", help="Codebase whose names the blocks get instead.")
@click.option("--kind", help="The whole file is one block of this kind; its fields follow as --field value.")
@click.option(
    "--like", nargs=2, metavar="LEFT RIGHT", help="Two models, package.module:name: SOURCE is the first's, the second "
    "is what is written. Names and layouts come from their pairing.",
)  # fmt: skip
@click.option("--input", "inputs", multiple=True, help="With --like: what both are run on, a shape or an .npz file.")
@click.option("--rename", multiple=True, metavar="REGEX=TEXT", help="Rename what is written; may come several times. "
              "With --like: LEFT=RIGHT, pair these names or prefixes by hand.")  # fmt: skip
@click.option(
    "--as",
    "answers",
    multiple=True,
    metavar="PATTERN=KIND",
    help="What tensors are, where names and shapes leave it open: 'norm*=instance_norm', '*.c_*.weight=conv1d'; "
    f"may come several times. Kinds: {', '.join(KINDS)}.",
)
@click.option("--optimiser", is_flag=True, help="Carry over what the optimiser keeps too: from and to a .pth file that "
              "holds 'model' and 'optimizer', or a .pdopt file beside the .pdparams.")  # fmt: skip
@click.option("--names", type=click.Path(path_type=Path), help="With --optimiser: a .pdparams that paddle.save wrote "
              "of the Paddle model's state_dict(), for its parameters' own names.")  # fmt: skip
@click.option("--strip-prefix", is_flag=True, help="Drop a wrapper prefix such as module. from every name.")
@click.option("--shard-size", help="Cut a .safetensors destination into shards of about this size, e.g. 2GB.")
@click.option("--dry-run", is_flag=True, help="Print the table and write nothing.")
@click.pass_context
def convert(
    ctx: click.Context, source: Path, destination: Path, to: str | None, from_: str | None, key: str | None,
    dialect: str | None, to_dialect: str | None, kind: str | None, like: tuple[str, str] | None,
    inputs: tuple[str, ...], rename: tuple[str, ...], answers: tuple[str, ...], optimiser: bool, names: Path | None,
    strip_prefix: bool, shard_size: str | None, dry_run: bool,
) -> None:  # fmt: skip
    """Convert a whole checkpoint by the meaning of its layers; bits and dtypes stay as they are.

    \b
    nlblocks convert model.pth model.pdparams
    nlblocks convert net.pth block.safetensors --dialect alexhex7 --kind digit_net
    nlblocks convert model.pdparams model.safetensors --as 'blocks.*.w=linear'
    nlblocks convert model.onnx model.safetensors
    nlblocks convert net.pth net.pdparams --optimiser
    nlblocks convert net.pth net.pdparams --like pkg:torch_net pkg:paddle_net --input 2,3,224,224
    """
    if kind is None:
        refuse_fields(ctx)
    kind_written = format_of(destination)
    if like is None and to is not None and kind_written not in ("safetensors", to):
        raise InputError(f"{destination}: --to {to} does not write a {destination.suffix} file; change its name")
    refuse_overwriting(destination, source, *([names] if names else ()))
    checkpoint = _opened(source, key)
    shard_bytes = None if shard_size is None else _bytes(shard_size)
    tensors: Mapping[str, Tensor] = checkpoint.tensors
    kept: Carried | None = None
    if like is not None:
        found = by_pairing(ctx, checkpoint, destination, like, inputs, rename)
        planned, target = found.plan, found.framework
    elif inputs:
        raise InputError("--input is what the models of --like are run on; without --like leave it out")
    else:
        found, target = None, to if to in frameworks() else LAYOUTS[kind_written]
        options = Options(
            source=from_ or "", target=target,
            answers=[*map(_answer, answers)], rename=[_pair(text) for text in rename], dialect=dialect,
            to_dialect=to_dialect,
            spec=spec_from_options(kind, ctx.args) if kind is not None else None,
            prefix=checkpoint.prefix if kind is not None else "",
        )  # fmt: skip
        planned, tensors = _by_meaning(checkpoint, options, strip_prefix=strip_prefix)
        planned, kept = _optimiser(
            checkpoint, planned, options, kind_written, names, asked=optimiser, strip_prefix=strip_prefix
        )
    width = None if sys.stdout.isatty() else 160
    console = Console(stderr=not dry_run, width=width, markup=False, emoji=False)  # names may hold [/x] and :x:
    left_out = _elsewhere(checkpoint) if key is None and kept is None else {}
    others = [f"{count} tensors under {shown(head)!r} are left out; see --key" for head, count in left_out.items()]
    others += [*checkpoint.notes, *_not_read(checkpoint)]
    for note in (*planned.notes, *others):
        click.echo(f"nlblocks: note: {note}", err=True)
    if dry_run:
        console.print(_table(planned, tensors))
    else:
        _write(destination, planned, target, shard_bytes, console, checkpoint, kept)
    if found is not None and like is not None:
        click.echo(said(found, like))
        ctx.exit(Status.SAME if found.agree else OF_VERDICT[found.report.verdict])


def _by_meaning(checkpoint: Checkpoint, options: Options, *, strip_prefix: bool) -> tuple[Plan, Mapping[str, Tensor]]:
    """The conversion by what each tensor means, and the tensors by the names that it has for them."""
    tensors, record, prefix = checkpoint.tensors, checkpoint.record, checkpoint.prefix
    if strip_prefix and prefix:
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
        record = renamed_record(record, lambda name: name.removeprefix(prefix))
        options = replace(options, prefix="")
    if options.source:
        return plan(tensors, options, record), tensors
    return plan_of(checkpoint, tensors, options, record), tensors


def _optimiser(
    checkpoint: Checkpoint, planned: Plan, options: Options, kind: str, names: Path | None, *, asked: bool,
    strip_prefix: bool,
) -> tuple[Plan, Carried | None]:  # fmt: skip
    """The plan, and what the optimiser keeps, converted as the weights are, where that is asked for."""
    if not asked:
        if names is not None:
            raise InputError("--names is what Paddle calls the parameters of an --optimiser; without it leave it out")
        return replace(planned, notes=(*planned.notes, *left_as_it_is(checkpoint, options.target))), None
    if kind == "safetensors":
        raise InputError("--optimiser: a .safetensors file holds tensors alone; write a .pth or a .pdparams file")
    again = replace(options, source=options.source or checkpoint.layout)
    if names is not None and not (told := open_checkpoint(names).names):
        raise InputError(f"{names}: says no names of parameters; write it by paddle.save(net.state_dict(), ...)")

    def replan(tensors: dict[str, Tensor]) -> Plan:
        return _by_meaning(replace(checkpoint, tensors=tensors), again, strip_prefix=strip_prefix)[0]

    prefix = checkpoint.prefix if strip_prefix else ""
    kept = carry(checkpoint, planned, options.target, told if names is not None else {}, replan, prefix=prefix)
    notes = (*planned.notes, kept.note) if kept.note else planned.notes
    return replace(planned, record=planned.record | kept.record, notes=notes), kept


@click.command()
def dialects() -> None:
    """List the public codebases whose checkpoints are understood: their classes, options, and what they become."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("dialect", "class", "its options", "the dialect's specs"):
        table.add_column(heading, overflow="fold")
    for name, group in groupby(dialect_rows(), key=lambda row: row[0]):
        for index, (_, source, cls, options, specs) in enumerate(group):
            about, becomes = (f"[bold]{name}[/]\n{source}", specs) if index == 0 else ("", "")
            table.add_row(about, cls, options, becomes)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def _opened(file: Path, key: str | None) -> Checkpoint:
    """A checkpoint, or the weights of an ONNX file."""
    if file.suffix != ONNX:
        return open_checkpoint(file, key)
    if key:
        raise InputError(f"--key {key!r} names a part of a checkpoint; {file} is an ONNX file, which has none")
    from nlblocks.exchange.side import contents  # an extra

    return contents(file)


def _elsewhere(checkpoint: Checkpoint) -> dict[str, int]:
    """How many tensors each other part of the file holds, such as the optimiser's state."""
    if not checkpoint.key:
        return {}
    inside = f"{checkpoint.key}."
    return dict(
        Counter(keys[0] for keys in read_contents(checkpoint.path).tensors if not ".".join(keys).startswith(inside))
    )


def _not_read(checkpoint: Checkpoint) -> list[str]:
    """The objects in what was chosen that are no tensors here, and might have been some elsewhere."""
    inside = f"{checkpoint.key}." if checkpoint.key else ""
    found = [f"{shown(name)} ({shown(what)})" for name, what in checkpoint.unread.items() if name.startswith(inside)]
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return [f"not read: {', '.join(found[:5])}{more}"] if found else []


def _beside(checkpoint: Checkpoint) -> list[str]:
    """What is in a file beside its tensors, in a line for each kind: models that were pickled, values, the unread."""
    others = {shown(name): value for name, value in checkpoint.others.items() if value is not None}
    left_out = {shown(name): shown(what) for name, what in checkpoint.unread.items()}
    lines = [f"{name or 'the file'} is {value}" for name, value in others.items() if isinstance(value, Model)]
    plain = [name for name in others if name not in left_out and not isinstance(others[name], Model)]
    if plain:
        lines.append(f"beside the tensors: {', '.join(f'{name} = {_brief(others[name])}' for name in plain[:20])}")
    if left_out:
        found = [f"{name} ({what})" for name, what in left_out.items()]
        more = f" and {len(found) - 20} more" if len(found) > 20 else ""
        lines.append(f"objects that are not read, and not made: {', '.join(found[:20])}{more}")
    return lines


def _shapes_ported(checkpoint: Checkpoint) -> dict[str, Shape]:
    """The names and shapes that another framework's file would have in torch, whose codebases' blocks may be ported."""
    if checkpoint.layout == UNSAID:
        return {}
    try:
        planned = plan(checkpoint.tensors, Options(source=checkpoint.layout, target=UNSAID))
    except InputError:  # a tensor whose meaning is not known: convert asks about it, inspect need not
        return {}
    return {name: tensor.shape for name, tensor in planned.tensors.items()}


def tree(tensors: Mapping[str, Tensor]) -> list[str]:
    """The tensors as an indented tree, one line each."""
    lines: list[str] = []
    before: list[str] = []
    for name, tensor in tensors.items():
        *branch, leaf = name.split(".")
        same = 0
        while same < min(len(branch), len(before)) and branch[same] == before[same]:
            same += 1
        lines += [f"  {'  ' * depth}{shown(branch[depth])}" for depth in range(same, len(branch))]
        extents = " × ".join(map(str, tensor.shape)) or "scalar"
        lines.append(f"  {'  ' * len(branch)}{shown(leaf)}  {tensor.dtype.name}  {extents}  {human(tensor.nbytes)}")
        before = branch
    return lines


def human(size: int) -> str:
    """1234567 as "1.23 MB"."""
    value, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g} {units[0]}"


def _write(
    destination: Path, planned: Plan, target: str, shard_bytes: int | None, console: Console, checkpoint: Checkpoint,
    kept: Carried | None,
) -> None:  # fmt: skip
    if kept is not None and kept.tensors:
        write_checkpoint(destination.with_suffix(".pdopt"), kept.tensors, layout=target)
    total = sum(tensor.nbytes for tensor in planned.tensors.values())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("writing", total=total)
        written = write_checkpoint(
            destination, planned.tensors, layout=target, spec=planned.spec or _kept_spec(checkpoint, planned),
            record=planned.record, shard_bytes=shard_bytes, beside=None if kept is None else kept.beside,
            moved=lambda count: progress.advance(task, count),
        )  # fmt: skip
    click.echo(f"{written[-1]}: {len(planned.tensors)} tensors, {human(total)}{_kept_out(planned)}")


def _kept_out(planned: Plan) -> str:
    """Which tensors of the source are not among those written, and why: the first of each sort by name."""
    found: dict[str, list[str]] = {}
    for row in planned.rows:
        if row.tensor is None:
            found.setdefault(row.action.removeprefix("dropped: "), []).extend(map(shown, row.sources))
    said = "; ".join(f"{_some(names)} ({why})" for why, names in found.items())
    return f"; {sum(map(len, found.values()))} kept out: {said}" if said else ""


def _some(names: Sequence[str]) -> str:
    """The first of many names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _kept_spec(checkpoint: Checkpoint, planned: Plan) -> dict[str, object] | None:
    """The spec that the source carries, where the names are still the ones that it describes."""
    same = all(row.sources in ((row.target,), ()) for row in planned.rows)
    return checkpoint.spec if same else None


def _table(planned: Plan, tensors: Mapping[str, Tensor]) -> Table:
    table = Table("from", "to", "shape", "dtype", "what", title="conversion, nothing written")
    for row in planned.rows:
        shapes = list(dict.fromkeys(str(list(tensors[name].shape)) for name in row.sources))
        after = str(list(row.tensor.shape)) if row.tensor is not None else ""
        shape = after if shapes == [after] else f"{', '.join(shapes)} → {after}" if after else ", ".join(shapes)
        dtype = row.tensor.dtype.name if row.tensor is not None else ""
        table.add_row("\n".join(map(shown, row.sources)), shown(row.target), shape, dtype, row.action)
    return table


def _pair(text: str) -> tuple[str, str]:
    pattern, equals, replacement = text.partition("=")
    if not equals or not pattern:
        raise InputError(f"--rename {text!r} must be REGEX=TEXT, such as '^backbone\\.=encoder.'")
    return pattern, replacement


def _answer(text: str) -> tuple[str, str]:
    pattern, equals, kind = text.rpartition("=")
    if not equals or not pattern:
        raise InputError(f"--as {text!r} must be PATTERN=KIND, such as 'norm*=instance_norm'")
    return pattern, kind


def _bytes(text: str) -> int:
    units = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
    number = text.rstrip("kKmMgGbB ")
    unit = text[len(number) :].strip().upper()
    try:
        return int(float(number) * units[unit])
    except (ValueError, KeyError, OverflowError):
        raise InputError(f"--shard-size {text!r} must be a size such as 500MB or 2GB") from None


def _size(file: Path) -> str:
    files = file.iterdir() if file.is_dir() else [file]
    return human(sum(path.stat().st_size for path in files))


def _brief(value: object) -> str:
    text = repr(value) if isinstance(value, str | int | float | bool | complex) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:40]}…"
