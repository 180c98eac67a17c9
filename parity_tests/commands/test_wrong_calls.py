"""Wrong calls as people in a hurry type them: each ends in one line that says what to do, and leaves nothing behind."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

import nlblocks
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.command_line import call
from parity_tests.helpers.pictures import image_file

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:click")
MODELS = "parity_tests.helpers.user_models"
PAIR = f"{MODELS}:torch_one {MODELS}:paddle_one"

WRONG: list[tuple[str, str]] = [
    # commands and options
    ("comapre a:b c:d --input 2,4", "did you mean compare?"),
    ("verfy", "did you mean verify?"),
    ("frobnicate", "No such command 'frobnicate'; see"),
    ("list non_local", "unexpected extra argument (non_local)"),
    ("dialects alexhex7", "unexpected extra argument (alexhex7)"),
    ("inspekt net.pth", "did you mean inspect?"),
    # kinds and fields
    ("show", "'KIND'; see"),
    ("show NonLocl", "did you mean non_local?"),
    ("show non_locl", "did you mean non_local?"),
    ("show CBMA --in-channels 64", "did you mean cbam?"),
    ("show non_local --in-chanels 64", "did you mean in_channels?"),
    ("show non_local --in-channels 64 --mode dotproduct", "did you mean dot_product?"),
    ("show non_local --in-channels 64 --norm batchnorm", "it must be 'batch_norm'"),
    ("show non_local --input 1x64x56x56", "whole numbers such as 2,64,14,14"),
    ("draw non_local", "'--out'; see"),
    ("draw non_local --out block.png", "must end in .svg"),
    ("draw spatial_gather --out block.svg --input 2,3,4,5", "takes 2 inputs, (x, logits); received 1"),
    ("show interlaced_sparse_attention --in-channels 4 --partitions (2,3),(3", "must be one or more pairs"),
    ("draw non_local --out nowhere/block.svg", "no folder nowhere; make it first"),
    ("draw non_local --out block.svg --backend pytorch", "did you mean torch?"),
    ("verify --kind NonLocl", "did you mean non_local?"),
    ("verify non_local", "--kind non_local"),
    ("verify --kind non_local --in-channels 4 --backends pytorch,paddle", "did you mean torch?"),
    ("verify --kind non_local --in-channels 4 --backends torch,paddlepaddle", "did you mean paddle?"),
    ("verify --kind non_local --in-channels 4 --json full", "it is a folder; give a file"),
    ("verify --kind non_local --in-channels 4 --json nowhere/found.json", "no folder nowhere; make it first"),
    ("verify --spec block.yaml", "block.yaml is not a spec in JSON: No such file"),
    ("verify --spec net.pth", "net.pth is not a spec in JSON"),
    ("verify --sed 5", "did you mean --seed?"),
    # checkpoints
    ("inspect", "'FILE'; see"),
    ("inspect nothere.pth", "nothere.pth: cannot be read: No such file"),
    ("inspect notes.txt", "notes.txt"),
    ("inspect full", "full"),
    ("inspect net.pth --dialect alexhex", "did you mean alexhex7?"),
    ("inspect net.pth --key modle", "key='modle' holds no tensors"),
    ("convert net.pth", "'DESTINATION'; see"),
    ("convert net.pth net.pth", "net.pth is the source; write"),
    ("convert net.pth full/../net.pth", "is the source net.pth by another name"),
    ("convert net.pth hard.pth", "hard.pth is the source net.pth"),
    ("convert net.pth soft.pth", "soft.pth is the source net.pth"),
    ("convert net.pth net.paddle", ".pdparams"),
    ("convert net.pth nowhere/net.pdparams", "no folder nowhere; make it first"),
    ("convert net.pth full", "it is a folder; give a file"),
    ("convert net.pth new.pdparams --form torch", "did you mean --from?"),
    ("convert net.pth new.pdparams --to pytorch", "did you mean torch?"),
    ("convert net.pth new.pdparams --dialect alexhex", "did you mean alexhex7?"),
    ("convert net.pth new.pdparams --kind non_locl --in-channels 4", "did you mean non_local?"),
    ("convert net.pth new.pdparams --kind NonLocal --in-chanels 4", "did you mean in_channels?"),
    ("convert net.pth new.pdparams --as norm*=instancenorm", "did you mean instance_norm?"),
    ("convert net.pth new.pdparams --rename backbone", "must be REGEX=TEXT"),
    (f"convert net.pth new.pdparams --like {PAIR}", "--input is missing"),
    ("convert net.pth new.safetensors --shard-size 2GiB", "such as 500MB or 2GB"),
    # comparisons
    ("compare net.pth net.pdparams", "are checkpoints"),
    ("compare net.pth net.pdparams --input 2,4", "are checkpoints"),
    (f"compare net.pth {MODELS}:paddle_one --input 2,4", "net.pth is a checkpoint"),
    (f"compare {MODELS}:torch_one net.pdparams --input 2,4", "net.pdparams is a checkpoint"),
    (f"compare {MODELS}:torch_one", "'RIGHT'; see"),
    (f"compare {PAIR}", "--input is missing"),
    (f"compare {PAIR} --imput 2,4", "did you mean --input?"),
    (f"compare {PAIR} --input 2,4 --optimizer adam", "did you mean --optimiser?"),
    (f"compare {PAIR} --input 2,4 --optimiser admw", "did you mean adamw?"),
    (f"compare {PAIR} --input 2,4 --optimiser adam:learning_rate=0.1", "no setting 'learning_rate'"),
    (f"compare {PAIR} --input 2,4 --accept batchnorm.variance", "did you mean batch_norm.variance"),
    (f"compare {PAIR} --input 2,4 --accept batch_norm.varience", "did you mean batch_norm.variance"),
    (f"compare {PAIR} --input 2,4 --rename fc", "must be LEFT=RIGHT"),
    (f"compare {PAIR} --input 2,4 --rename fcc=fc", "did you mean fc?"),
    (f"compare {PAIR} --input 2,4 --steps many", "'many' is not a valid integer"),
    (f"compare {PAIR} --input 2,5", "both models fail on inputs [2, 5]"),
    (f"compare {PAIR} --input nothere.npz", "nothere.npz"),
    (f"compare {PAIR} --input 2,4 --target labels", "'labels' is no input"),
    (f"compare {MODELS}:torch_on {MODELS}:paddle_one --input 2,4", "did you mean torch_one"),
    ("compare parity_tests/helpers/user_models.py:torch_one x:y --input 2,4", "is a path; write parity_tests.helpers"),
    ("compare nowhere.models:net nowhere.models:net --input 2,4", "cannot import nowhere.models"),
    (f"compare {PAIR} --input 2,4 --report nowhere/report.html", "no folder nowhere; make it first"),
    (f"compare {PAIR} --input 2,4 --report report.pdf", "must end in .html or .json"),
    (f"compare {PAIR} --input 2,4 --report full", "full"),
    (f"compare {PAIR} --input 2,4 --report notes.txt/report.html", "notes.txt is a file"),
    (f"capture {MODELS}:torch_one --input 2,4", "'--out'; see"),
    (f"capture {MODELS}:torch_one --input 2,4 --out run.npz", "must end in .safetensors"),
    (f"capture {MODELS}:torch_one --input 2,4 --out nowhere/run.safetensors", "no folder nowhere; make it first"),
    (f"capture {MODELS}:torch_one --like nothere.safetensors --out run.safetensors", "nothere.safetensors"),
    (f"capture {MODELS}:torch_one --like block.safetensors --out run.safetensors", "is no capture"),
    # ports, exports, maps
    ("port blog OUT", "MODULE:NAME"),
    ("port blog.py:Net OUT", "blog:Net"),
    ("port nowhere.models:net OUT --input 2,4", "nowhere"),
    (f"port {MODELS}:paddle_one full --input 2,4", "full"),
    (f"port {MODELS}:paddle_one OUT --input 2,4 --report nowhere/port.html", "no folder nowhere; make it first"),
    (f"port {MODELS}:paddle_one OUT --input 2,4 --json full", "it is a folder; give a file"),
    (f"port {MODELS}:paddle_one OUT --inputs 2,4", "did you mean --input?"),
    ("export NonLocl block.onnx", "did you mean non_local?"),
    ("export non_local block.pt", ".onnx"),
    ("export non_local nowhere/block.onnx", "no folder nowhere; make it first"),
    ("export non_local block.onnx --backend pytorch", "did you mean torch?"),
    ("export net.pth block.onnx", "carries no spec"),
    ("export non_local block.onnx --dtype float16", "'float32'"),
    ("maps block.safetensors", "--image is missing"),
    ("maps net.pth --image digit.png", "carries no spec"),
    ("maps nothere.pth --image digit.png", "nothere.pth"),
    ("maps block.safetensors --image nothere.png", "nothere.png"),
    ("maps block.safetensors --image digit.png --layer atention", "did you mean"),
    ("maps block.safetensors --image digit.png --query 3", "--query '3'"),
    ("maps block.safetensors --image digit.png --out notes.txt", "notes.txt is a file"),
    # training
    ("train", "name one recipe"),
    ("train digits_ablaton", "did you mean digits_ablation?"),
    ("train digits_ablation --epoch 2", "--epochs"),
    ("train digits_ablation --bakcend torch", "did you mean --backend?"),
    ("train digits_ablation --epochs two", "epochs='two'"),
    ("train digits_ablation --backend pytorch", "did you mean torch?"),
    ("train digits_ablation --variant non_locl", "did you mean non_local?"),
    ("train digits_ablation --output notes.txt", "notes.txt"),
    ("train digits_ablation --device cuda", "'gpu'"),
    ("report nothere", "nothere"),
    ("report full", "full"),
    ("causes batch_norm.epss", "batch_norm.eps"),
    ("bench --dtypes float32", "No such option '--dtypes'"),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, require: Require) -> Path:
    """A folder as it stands on a user's disk: checkpoints of both frameworks, a block, an image, notes."""
    require("torch", "paddle")
    import paddle
    import torch

    folder = tmp_path_factory.mktemp("wrong")
    torch.save(torch.nn.Linear(4, 3).state_dict(), folder / "net.pth")
    paddle.save(paddle.nn.Linear(4, 3).state_dict(), str(folder / "net.pdparams"))
    nlblocks.save(nlblocks.build(nlblocks.specs.NonLocal(in_channels=3), "torch"), folder / "block.safetensors")
    (folder / "notes.txt").write_text("to do\n")
    (folder / "full").mkdir()
    (folder / "full" / "kept.txt").write_text("kept\n")
    image_file(folder / "digit.png", (8, 8), "RGB")
    (folder / "hard.pth").hardlink_to(folder / "net.pth")
    (folder / "soft.pth").symlink_to(folder / "net.pth")
    return folder


@pytest.mark.parametrize(("words", "says"), WRONG, ids=[words for words, _ in WRONG])
def test_a_wrong_call_is_one_helpful_line(
    words: str, says: str, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared)
    before = contents(prepared)
    result = call(*shlex.split(words))
    assert result.exit_code == 2, (result.output, result.exception)
    assert not result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("nlblocks: ")
    assert says in line
    assert contents(prepared) == before


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in a folder, and what it holds."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
