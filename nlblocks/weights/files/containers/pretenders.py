"""What a file is that holds no weights, or none that are read here: by its first bytes, with what to do about it."""

from __future__ import annotations

from pathlib import Path

from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.files.tensors import Mapped

UNPACK = "unpack it and give the checkpoint in it"
CONVERTED = "load it where it comes from and save its arrays as .npz or .safetensors"
BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "run git lfs pull in its repository"),
    (b"\x1f\x8b", "compressed by gzip", UNPACK),
    (b"BZh", "compressed by bzip2", UNPACK),
    (b"\xfd7zXZ", "compressed by xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"\x93NUMPY", "a single NumPy array without a name", "save it with its name: np.savez(file, **{name: array})"),
    (b"\x12\x01\0\0\0\0\0\0", "an MXNet parameter file", CONVERTED),
    (b"lmgg", "an old GGML file", "convert it to GGUF with llama.cpp's scripts"),
    (b"fmgg", "an old GGML file", "convert it to GGUF with llama.cpp's scripts"),
    (b"tjgg", "an old GGML file", "convert it to GGUF with llama.cpp's scripts"),
    (b"7767517", "an ncnn program in text", CONVERTED),
)
AT: tuple[tuple[int, bytes, str, str], ...] = (
    (257, b"ustar", "a tar archive", UNPACK),
    (4, b"TFL3", "a TensorFlow Lite program", CONVERTED),
    (4, b"ORTM", "a program in onnxruntime's own format", "give the .onnx file that it was made from"),
)
SUFFIXES: dict[str, tuple[str, str]] = {
    ".pb": ("a TensorFlow program", CONVERTED),
    ".index": ("the index of a TensorFlow checkpoint", CONVERTED),
    ".msgpack": ("Flax's MessagePack", CONVERTED),
    ".weights": ("a Darknet weight file", CONVERTED),
    ".mlmodel": ("a Core ML program", CONVERTED),
    ".ot": ("a checkpoint of tch-rs", CONVERTED),
}
"""What begins with nothing of its own is known by its name."""
MARKUP = (b"<!doctype html", b"<html", b"<?xml", b"<head", b"<body", b"<!--", b"<script")
HEAD = 512


def what_it_is(file: Mapped) -> str:
    """What a file is and what to do, such as "a web page, not ...; download it ..."; "" for what nobody knows."""
    head = bytes(file.bytes[:HEAD])
    for start, what, advice in BEGINNINGS:
        if head.startswith(start):
            return f"{what}; {advice}"
    for place, mark, what, advice in AT:
        if head[place : place + len(mark)] == mark:
            return f"{what}; {advice}"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.lower().startswith(MARKUP):
        return "a web page, not the file itself; download it again, by the link of the file and not of its page"
    if file.path.suffix in SUFFIXES:
        what, advice = SUFFIXES[file.path.suffix]
        return f"{what}; {advice}"
    return _text(file, text)


def _text(file: Mapped, head: bytes) -> str:
    """What a file of text says, which is often why a download failed."""
    plain = head[:80].decode("utf-8", "replace")
    if not plain or any(
        letter in "\0\ufffd" or (not letter.isprintable() and not letter.isspace()) for letter in plain
    ):
        return ""
    said = shown(" ".join(plain.split())[:60])
    kind = "JSON" if head[:1] in (b"{", b"[") else "text"
    return f"{kind} and no weights ({said}); give the file of the weights{_beside(file.path)}"


def _beside(path: Path) -> str:
    """What lies beside a file and may be meant."""
    suffixes = (".safetensors", ".pth", ".pt", ".ckpt", ".pdparams", ".pdiparams", ".bin", ".npz", ".onnx", ".h5")
    try:
        found = sorted(other.name for other in path.parent.iterdir() if other.suffix in suffixes and other != path)
    except OSError:
        return ""
    return f", such as {shown(found[0])} beside it" if found else ""
