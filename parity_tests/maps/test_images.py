"""What a model gets of an image file, and what is said of a file that is no image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nlblocks.errors import InputError
from nlblocks.maps import read_images
from parity_tests.helpers.pictures import image_file


def test_a_grey_file_has_one_channel_and_a_coloured_one_three(tmp_path: Path) -> None:
    grey, rgb = image_file(tmp_path / "g.png", (4, 6)), image_file(tmp_path / "c.png", (4, 6), "RGB")
    one, three = read_images([grey, rgb])
    pixels = np.asarray(Image.open(rgb))
    assert (one.name, one.values.shape, one.size) == ("g", (1, 4, 6), (4, 6))
    assert np.array_equal(three.values, pixels.transpose(2, 0, 1) / 255)
    assert np.array_equal(three.shown, pixels)
    assert np.array_equal(one.shown[..., 0], np.asarray(Image.open(grey)))
    assert [picture.values.shape[0] for picture in read_images([grey, rgb], channels=3)] == [3, 3]
    (made_grey,) = read_images([rgb], channels=1)
    assert np.array_equal(made_grey.values[0], np.asarray(Image.open(rgb).convert("L")) / 255)


def test_what_people_see_is_not_normalised(tmp_path: Path) -> None:
    file = image_file(tmp_path / "c.png", (4, 6), "RGB")
    (plain,), (moved,) = read_images([file]), read_images([file], mean=(0.5, 0.4, 0.3), std=(0.25,))
    assert np.array_equal(plain.shown, moved.shown)
    expected = (plain.values - np.array([0.5, 0.4, 0.3])[:, None, None]) / 0.25
    assert np.array_equal(moved.values, expected)


def test_a_size_is_height_then_width(tmp_path: Path) -> None:
    (found,) = read_images([image_file(tmp_path / "g.jpg", (8, 10))], size=(5, 7))
    assert (found.values.shape, found.shown.shape) == ((1, 5, 7), (5, 7, 3))


def test_modes_of_image_files(tmp_path: Path) -> None:
    colours = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(2, 3, 4) * 10, "RGBA")
    colours.save(tmp_path / "rgba.png")
    colours.convert("RGB").quantize(4).save(tmp_path / "palette.png")
    Image.fromarray(np.array([[0, 257, 65535]], np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bits.png")
    rgba, palette, deep, bits = (
        read_images([tmp_path / f"{name}.png"])[0].values for name in ("rgba", "palette", "deep", "bits")
    )
    assert (rgba.shape, palette.shape) == ((3, 2, 3), (3, 2, 3))
    assert np.allclose(deep, [[[0, 1 / 255, 1]]], rtol=2**-23, atol=0)  # Pillow holds it as float32
    assert np.array_equal(bits, [[[1, 0]]])


def test_arrays_are_what_the_model_gets(tmp_path: Path) -> None:
    values = np.linspace(-3, 5, 2 * 4 * 3 * 5).reshape(2, 4, 3, 5)
    np.save(tmp_path / "batch.npy", values)
    np.savez(tmp_path / "named.npz", a=values[0, :1], b=values[0, 0])
    found = read_images([tmp_path / "batch.npy", tmp_path / "named.npz"])
    assert [picture.name for picture in found] == ["batch.0", "batch.1", "named.a", "named.b"]
    assert np.array_equal(found[1].values, values[1])
    assert np.array_equal(found[3].values, values[0, :1])
    assert found[0].shown.min() == 0
    assert found[0].shown.max() == 255


def test_two_files_of_one_name_keep_apart(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    files = [image_file(tmp_path / "x y.png"), image_file(tmp_path / "a" / "x y.png")]
    assert [picture.name for picture in read_images(files)] == ["x_y", "x_y_2"]


def test_what_is_no_image_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    whole = image_file(tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.npz").write_bytes(b"")
    np.save(tmp_path / "cube.npy", np.zeros((1, 1, 1, 2, 2)))
    np.save(tmp_path / "nan.npy", np.full((2, 2), np.nan))
    np.save(tmp_path / "words.npy", np.array(["a"]))
    np.save(tmp_path / "good.npy", np.zeros((2, 2)))
    for name, said in {
        "gone.png": "gone.png is no file; give an image", "": "is a folder; give an image",
        "text.png": "is not an image; give PNG",
        "half.png": "is not an image that can be read: image file is truncated",
        "empty.npz": "no array that can be read", "cube.npy": r"\[1, 1, 1, 2, 2\] must be", "nan.npy": "must be finite",
        "words.npy": "array of real numbers",
    }.items():  # fmt: skip
        with pytest.raises(InputError, match=said) as found:
            read_images([tmp_path / name])
        assert "\n" not in str(found.value)
    with pytest.raises(InputError, match="no image; give at least one"):
        read_images([])
    with pytest.raises(InputError, match="an array is what the model gets"):
        read_images([tmp_path / "good.npy"], size=(4, 4))
    with pytest.raises(InputError, match="mean has 3 numbers for 1 channels"):
        read_images([tmp_path / "whole.png"], mean=(1, 2, 3))
    with pytest.raises(InputError, match="must be above 0"):
        read_images([tmp_path / "whole.png"], std=(0,))
    with pytest.raises(InputError, match="channels=4"):
        read_images([tmp_path / "whole.png"], channels=4)
    with pytest.raises(InputError, match="at least 1"):
        read_images([tmp_path / "whole.png"], size=(0, 4))
