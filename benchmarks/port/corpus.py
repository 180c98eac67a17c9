"""Real Paddle models to port: public packages from the package index, one row a model in models.json.

A row has: wheel, family, module, name (class or factory in the module), kwargs (Python text; M("mod") imports a
module), inputs (";"-separated: f2,3,64,64 normal float32; i2,7:60 integers in [1, 60); Kname=... by keyword; a
leading D: one dict of name=..., or {"image": x}; a leading L: one list of all). A wheel that is no NAME==VERSION is
a folder of sources that must lie there already: PROJECT@COMMIT, or a folder in it.

Model files import much that a model does not need (datasets, metrics, OpenCV). The finder here stands in for
it: packages in BARE are empty (their __init__ does not run), modules in STUB answer to any name.
"""

from __future__ import annotations

import collections
import collections.abc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import logging
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
ROOTS = {"paddleclas": "paddleclas", "paddlevideo": "ppvideo"}
"""Where in a wheel the importable package lies, if not at its top."""
BARE = {
    "paddleclas": "ppcls ppcls.arch ppcls.arch.backbone ppcls.arch.backbone.legendary_models"
    " ppcls.arch.backbone.model_zoo"
    " ppcls.arch.backbone.variant_models ppcls.arch.gears ppcls.utils ppcls.arch.slim",
    "paddleseg": "paddleseg paddleseg.models paddleseg.models.backbones paddleseg.models.losses",
    "paddledet": "ppdet ppdet.modeling ppdet.modeling.backbones ppdet.modeling.necks ppdet.modeling.heads"
    " ppdet.modeling.architectures ppdet.modeling.transformers ppdet.modeling.losses ppdet.modeling.proposal_generator"
    " ppdet.data ppdet.utils ppdet.modeling.assigners ppdet.modeling.reid ppdet.modeling.keypoint_utils"
    " ppdet.modeling.rbox_utils",
    "ppgan": "ppgan ppgan.models ppgan.models.generators ppgan.models.discriminators ppgan.models.backbones"
    " ppgan.modules"
    " ppgan.utils ppgan.models.criterions",
    "passl": "passl passl.modeling passl.modeling.backbones passl.modeling.heads passl.modeling.necks passl.utils"
    " passl.modules",
    "paddlevideo": "paddlevideo paddlevideo.modeling paddlevideo.modeling.backbones paddlevideo.modeling.heads"
    " paddlevideo.modeling.losses",
    "paddlers": "paddlers paddlers.custom_models paddlers.custom_models.cd",
    "paddlesci": "ppsci ppsci.arch ppsci.utils",
    "paddle3d": "paddle3d paddle3d.models paddle3d.models.voxel_encoders",
    "paddlespeech": "paddlespeech.audio paddlespeech.audiotools paddlespeech.cls.models paddlespeech.t2s"
    " paddlespeech.t2s.models paddlespeech.t2s.models.wavernn paddlespeech.t2s.audio",
    "paddlevit@5ac7d89/semantic_segmentation": "src src.models",
    "papc@d2013ae": "PAPC PAPC.models PAPC.models.classify",
    "phat-ktran_paddleocr@e661436": "ppocr ppocr.utils ppocr.data",
}
"""Packages whose __init__ does not run. What is not here has none to leave out."""
NEEDS = {"ppdiffusers==0.29.0": ["paddlenlp==2.8.1"], "paddle3d==1.0.0": ["paddleseg==2.8.0"]}
EXTRA = [
    "pyyaml",
    "tqdm",
    "munch",
    "filelock",
    "packaging",
    "regex",
    "einops",
    "importlib_metadata",
    "zipp",
    "six",
    "huggingface_hub==0.23.4",
    "requests",
    "urllib3",
    "idna",
    "charset_normalizer",
    "certifi",
]
"""Small packages that the model files really use."""
SITE = "extra"
"""The folder beside the wheels' that these are installed to."""
STUB = {
    "cv2",
    "visualdl",
    "sklearn",
    "prettytable",
    "faiss",
    "gast",
    "pycocotools",
    "lap",
    "motmetrics",
    "shapely",
    "imageio",
    "skimage",
    "numba",
    "tensorboardX",
    "SimpleITK",
    "decord",
    "librosa",
    "dlib",
    "imageio_ffmpeg",
    "easydict",
    "ujson",
    "terminaltables",
    "sentencepiece",
    "jieba",
    "seqeval",
    "colorlog",
    "multiprocess",
    "dill",
    "datasets",
    "paddlefsl",
    "aistudio_sdk",
    "paddle2onnx",
    "onnx",
    "uvicorn",
    "fastapi",
    "typer",
    "rarfile",
    "rich",
    "colorama",
    "pandas",
    "matplotlib",
    "filelock",
    "scipy",
    "typeguard",
    "requests",
    "tqdm",
    "paddleslim",
    "tabulate",
    "tokenizers",
    "huggingface_hub",
    "fastcore",
    "natsort",
    "munkres",
    "nltk",
    "regex",
    "ftfy",
    "sacremoses",
    "tiktoken",
    "tensorboard",
    "parameterized",
    "av",
    "pyarrow",
    "omegaconf",
    "trimesh",
    "sqlalchemy",
    "pydantic",
    "fsspec",
    "sse_starlette",
    "starlette",
    "loguru",
    "ffmpeg",
    "ffmpy",
    "flatten_dict",
    "soundfile",
}


class _AnyType(type):
    def __getattr__(cls, name: Any) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and (isinstance(args[0], type | types.FunctionType)):
            return args[0]  # used as a decorator
        return type.__call__(cls, *args, **kwargs)


class _Anything(metaclass=_AnyType):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __init_subclass__(cls, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return args[0] if len(args) == 1 and callable(args[0]) and not kwargs else self

    def __getattr__(self, name: Any) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __iter__(self) -> Any:
        return iter(())


class _Stub(types.ModuleType):
    def __getattr__(self, name: Any) -> Any:
        if name == "__version__":
            return "99.0"
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, roots: Any, bare: Any, stub: Any) -> None:
        self.roots, self.bare, self.stub, self.used = roots, bare, stub, set[str]()

    def find_spec(self, name: Any, path: Any = None, target: Any = None) -> Any:
        if name in self.bare or name.split(".")[0] in self.stub:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> Any:
        if spec.name in self.bare:
            module = types.ModuleType(spec.name)
            module.__path__ = [os.path.join(root, *spec.name.split(".")) for root in self.roots]
            return module
        self.used.add(spec.name)
        module = _Stub(spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module: Any) -> Any:
        pass


_finder: _Finder | None = None


def rows(path: str | Path = HERE / "models.json") -> list[dict[str, Any]]:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _package(wheel: str) -> str:
    return wheel.split("==")[0]


def install(folder: str | Path, wheel: str) -> list[str]:
    """Make a wheel that `fetch` unpacked importable; the folders that were put on sys.path."""
    global _finder
    wheels = [wheel, *NEEDS.get(wheel, [])]
    roots = [str(Path(folder) / w / ROOTS.get(_package(w), "")) for w in wheels]
    bare = {name for w in wheels for name in BARE.get(_package(w), "").split()}
    for name in set(collections.abc.__all__) - set(dir(collections)):  # where packages of older Pythons look for them
        setattr(collections, name, getattr(collections.abc, name))
    sys.path[:0] = roots
    stub = {name for name in STUB if importlib.util.find_spec(name) is None}
    _finder = _Finder(roots, bare, stub)
    sys.meta_path.insert(0, _finder)
    if _package(wheel) == "paddleclas":
        logger = importlib.import_module("ppcls.utils.logger")
        vars(logger)["_logger"] = vars(logger)["_logger"] or logging.getLogger("ppcls")
    return roots


def stubbed() -> list[str]:
    return sorted(_finder.used) if _finder else []


def arrays(row: dict[str, Any]) -> Any:
    """(args, kwargs) of a row as NumPy arrays, seeded."""
    generator = np.random.default_rng(0)

    def one(text: Any) -> Any:
        kind, text = text[0], text[1:]
        text, _, top = text.partition(":")
        shape = tuple(int(n) for n in text.split(","))
        if kind == "f":
            return generator.normal(size=shape).astype("float32")
        return generator.integers(1, int(top), size=shape).astype("int64")

    spec = row["inputs"]
    if spec[0] == "D":
        named = [text.rpartition("=") for text in spec[1:].split(";")]
        return [{name or "image": one(text) for name, _, text in named}], {}
    if spec[0] == "L":
        return [[one(text) for text in spec[1:].split(";")]], {}
    args, kwargs = [], {}
    for text in spec.split(";"):
        if text[0] == "K":
            name, _, text = text[1:].partition("=")
            kwargs[name] = one(text)
        else:
            args.append(one(text))
    return args, kwargs


def fetch(folder: str | Path, wheels: list[str]) -> None:
    """Download and unpack wheels, each to a folder of its own."""
    for wheel in wheels:
        target = Path(folder) / wheel
        if target.exists():
            continue
        if "==" not in wheel:
            raise SystemExit(f"no wheel holds {wheel}: put the project's sources of that commit into {target}")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--only-binary=:all:",
            "-d",
            str(folder),
            wheel,
        ]
        subprocess.run(command, check=True)
        (found,) = [
            p for p in Path(folder).glob("*.whl") if p.name.split("-")[:2] == wheel.replace("-", "_").split("==")
        ]
        with zipfile.ZipFile(found) as archive:
            archive.extractall(target)
        print(wheel, "->", target)


def fetch_extra(folder: str | Path) -> None:
    """Install the small packages beside the wheels: the project's own environment is left alone."""
    target = Path(folder) / SITE
    if target.exists():
        return
    making = target.with_name(f".{SITE}")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*command, "--target", str(making), *EXTRA], check=True)
    making.rename(target)
