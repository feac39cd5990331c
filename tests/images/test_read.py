"""Every kind of file that Pillow reads, with known samples; every way in which a file can be wrong."""

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jaxloss import InputError
from jaxloss.images import ImageFile, check_comparable, read_image
from jaxloss.images._read import image_shape, read_frames
from tests.images._light import write_tiff16


def save(folder: Path, image: Image.Image, name: str = "image.png", **options: Any) -> Path:
    image.save(folder / name, **options)
    return folder / name


def write_png16(path: Path, samples: np.ndarray, color_type: int) -> Path:
    """A 16-bit PNG `[H, W, C]`, written by hand: Pillow writes them only in gray. Rows use the `Up` filter."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = samples.shape[:2]
    rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    filtered = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))
    lines = np.concatenate([np.full((height, 1), 2, np.uint8), filtered], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines.tobytes())) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def test_gray_of_8_bits(tmp_path: Path, rng: np.random.Generator) -> None:
    samples = rng.integers(0, 256, (4, 5), np.uint8)
    image = read_image(save(tmp_path, Image.fromarray(samples)))
    assert (image.pixels.dtype, image.pixels.shape, image.notes) == (np.float32, (4, 5, 1), ())
    np.testing.assert_array_equal(image.pixels[..., 0], samples / np.float32(255))


def test_rgb_of_8_bits(tmp_path: Path, rng: np.random.Generator) -> None:
    samples = rng.integers(0, 256, (4, 5, 3), np.uint8)
    image = read_image(str(save(tmp_path, Image.fromarray(samples))))
    assert image.name == str(tmp_path / "image.png")
    np.testing.assert_array_equal(image.pixels, samples / np.float32(255))


def test_one_bit(tmp_path: Path) -> None:
    image = read_image(save(tmp_path, Image.fromarray(np.eye(3, dtype=bool))))
    np.testing.assert_array_equal(image.pixels[..., 0], np.eye(3))


@pytest.mark.parametrize("name", ["gray.png", "gray.tif"])
def test_gray_of_16_bits_keeps_its_precision(tmp_path: Path, name: str, rng: np.random.Generator) -> None:
    samples = rng.integers(0, 65536, (4, 5), np.uint16)
    image = read_image(save(tmp_path, Image.fromarray(samples), name))
    assert image.notes == ()
    np.testing.assert_allclose(image.pixels[..., 0], samples / 65535, rtol=1e-7)


def test_rgb_of_16_bits_keeps_its_precision(tmp_path: Path, rng: np.random.Generator) -> None:
    samples = rng.integers(0, 65536, (4, 5, 3), np.uint16)
    for path in (write_png16(tmp_path / "rgb.png", samples, 2), write_tiff16(tmp_path / "rgb.tif", samples)):
        image = read_image(path)
        assert image.notes == ()
        np.testing.assert_allclose(image.pixels, samples / 65535, rtol=1e-7)


@pytest.mark.parametrize(("channels", "color_type"), [(2, 4), (4, 6)])
def test_alpha_of_16_bits_keeps_its_precision(
    tmp_path: Path, channels: int, color_type: int, rng: np.random.Generator
) -> None:
    samples = rng.integers(0, 65536, (4, 5, channels), np.uint16)
    image = read_image(write_png16(tmp_path / "alpha.png", samples, color_type))
    color, alpha = samples[..., :-1] / 65535, samples[..., -1:] / 65535
    np.testing.assert_allclose(image.pixels, alpha * color + 1 - alpha, rtol=1e-6)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA"])
def test_alpha_is_composited_over_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("LA" if mode == "LA" else "RGBA", (2, 1), 0)
    image.putpixel((0, 0), (0, 51) if mode == "LA" else (0, 0, 0, 51))
    path = save(tmp_path, image.convert(mode), "image.tif" if mode == "PA" else "image.png")
    read = read_image(path)
    assert read.notes == (f"{path}: alpha channel composited over white.",)
    np.testing.assert_allclose(read.pixels[0, :, 0], [0.8, 1.0], rtol=1e-6)
    assert read.pixels.shape[-1] == (1 if mode == "LA" else 3)


def test_opaque_alpha_is_dropped(tmp_path: Path) -> None:
    path = save(tmp_path, Image.new("RGBA", (2, 2), (255, 0, 51, 255)))
    image = read_image(path)
    assert image.notes == (f"{path}: opaque alpha channel dropped.",)
    np.testing.assert_allclose(image.pixels[0, 0], [1, 0, 0.2], rtol=1e-6)


def test_palette_is_looked_up(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([255, 0, 0, 0, 0, 51])
    read = read_image(save(tmp_path, image))
    assert read.notes == ()
    np.testing.assert_allclose(read.pixels[0], [[1, 0, 0], [0, 0, 0.2]], rtol=1e-6)


def test_transparent_color_of_a_palette(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([255, 0, 0, 0, 0, 51])
    read = read_image(save(tmp_path, image, transparency=0))
    np.testing.assert_allclose(read.pixels[0], [[1, 1, 1], [0, 0, 0.2]], rtol=1e-6)
    assert "over white" in read.notes[0]


def test_transparent_gray(tmp_path: Path) -> None:
    read = read_image(save(tmp_path, Image.fromarray(np.array([[0, 51]], np.uint8)), transparency=0))
    np.testing.assert_allclose(read.pixels[0, :, 0], [1, 0.2], rtol=1e-6)


def test_transparent_color_of_16_bits_is_ignored_and_said(tmp_path: Path) -> None:
    gray = Image.fromarray(np.array([[0, 13107]], np.uint16))
    read = read_image(save(tmp_path, gray, transparency=0))
    np.testing.assert_allclose(read.pixels[0, :, 0], [0, 0.2], rtol=1e-6)
    assert "transparent color ignored" in read.notes[0]


@pytest.mark.parametrize(("mode", "color"), [("CMYK", (0, 255, 204, 0)), ("YCbCr", (76, 85, 255))])
def test_other_color_spaces_become_rgb(tmp_path: Path, mode: str, color: tuple[int, ...]) -> None:
    image = read_image(save(tmp_path, Image.new(mode, (3, 2), color), "image.tif"))
    assert f"{mode} converted to RGB" in image.notes[0]
    assert image.pixels.shape == (2, 3, 3)
    red, green, blue = image.pixels[0, 0]
    assert red > 0.98
    assert max(green, blue) < 0.21


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright[:, ::-1].T,
        7: upright[::-1, ::-1].T,
        8: upright[::-1].T,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(save(tmp_path, Image.fromarray(np.ascontiguousarray(stored)), exif=exif))
    np.testing.assert_array_equal(image.pixels[..., 0], upright / np.float32(255))
    assert len(image.notes) == (orientation != 1)
    assert all("turned upright" in note for note in image.notes)


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), gray) for gray in (51, 255)]
    image = read_image(save(tmp_path, frames[0], "image.gif", save_all=True, append_images=frames[1:]))
    assert "first of 2 frames" in image.notes[0]
    np.testing.assert_allclose(image.pixels.mean(), 0.2, rtol=1e-6)


def test_floating_samples_in_the_unit_interval(tmp_path: Path, rng: np.random.Generator) -> None:
    samples = rng.random((4, 5), np.float32)
    image = read_image(save(tmp_path, Image.fromarray(samples), "image.tif"))
    np.testing.assert_array_equal(image.pixels[..., 0], samples)


@pytest.mark.parametrize("outside", [-0.5, 2.0, np.nan])
def test_floating_samples_of_unknown_range(tmp_path: Path, outside: float) -> None:
    samples = np.array([[0, outside]], np.float32)
    with pytest.raises(InputError, match=r"image\.tif: expected samples in \[0, 1\]"):
        read_image(save(tmp_path, Image.fromarray(samples), "image.tif"))


def test_integers_of_32_bits(tmp_path: Path) -> None:
    image = read_image(save(tmp_path, Image.fromarray(np.array([[0, 13107]], np.int32)), "image.tif"))
    np.testing.assert_allclose(image.pixels[0, :, 0], [0, 0.2], rtol=1e-6)
    with pytest.raises(InputError, match=r"expected samples in \[0, 65535\], got \[0, 70000\]"):
        read_image(save(tmp_path, Image.fromarray(np.array([[0, 70000]], np.int32)), "image.tif"))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.png: no such file\.$"):
        read_image(tmp_path / "nowhere.png")


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a directory\. Name the files in it"):
        read_image(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello, I am a text", b"\x89PNG\r\n\x1a\n"])
def test_text_named_png(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "text.png").write_bytes(content)
    with pytest.raises(InputError, match=r"text\.png: (not an image that Pillow can read|cannot be decoded: .*)\.$"):
        read_image(tmp_path / "text.png")


@pytest.mark.parametrize("name", ["image.png", "image.jpg", "image.tif", "image.gif", "image.bmp"])
def test_truncated_file(tmp_path: Path, name: str, rng: np.random.Generator) -> None:
    path = save(tmp_path, Image.fromarray(rng.integers(0, 256, (64, 64), np.uint8)), name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"cannot be decoded: .*\.$|not an image") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="Root may read every file.")
def test_no_permission(tmp_path: Path) -> None:
    path = save(tmp_path, Image.new("L", (2, 2)))
    path.chmod(0)
    with pytest.raises(InputError, match="no permission"):
        read_image(path)


def image_file(name: str, *shape: int) -> ImageFile:
    return ImageFile(name, np.zeros(shape, np.float32), ())


def test_sizes_that_differ_name_both_files() -> None:
    with pytest.raises(InputError, match=r"b\.png is 5 x 4 and a\.png is 6 x 4 pixels\. Crop or resize"):
        check_comparable(image_file("a.png", 4, 6, 3), image_file("b.png", 4, 5, 3))


@pytest.mark.parametrize(("reference", "image"), [(1, 3), (3, 1)])
def test_gray_against_rgb_says_which_is_which(reference: int, image: int) -> None:
    names = {reference: "a.png", image: "b.png"}
    with pytest.raises(InputError, match=f"^{names[1]} is gray and {names[3]} is RGB"):
        check_comparable(image_file("a.png", 4, 6, reference), image_file("b.png", 4, 6, image))


def test_images_of_one_shape_are_comparable() -> None:
    check_comparable(image_file("a.png", 4, 6, 3), image_file("b.png", 4, 6, 3))


def test_warnings_of_pillow_become_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, Image.new("L", (5, 4)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15)
    (note,) = read_image(path).notes
    assert note.startswith(f"{path}: Image size (20 pixels) exceeds limit of 15 pixels")


def test_images_beyond_the_limit_of_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, Image.new("L", (5, 4)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    with pytest.raises(InputError, match=r"cannot be decoded: Image size \(20 pixels\) exceeds limit"):
        read_image(path)


def test_frames_and_shapes(tmp_path: Path, rng: np.random.Generator) -> None:
    """Each page is read at its full precision, and its header tells what becomes of it."""
    pages = [Image.fromarray(rng.integers(0, 65536, (3, 4), np.uint16)) for _ in range(3)]
    path = save(tmp_path, pages[0], "pages.tif", save_all=True, append_images=pages[1:])
    found = list(read_frames(path))
    for page, image in zip(pages, found, strict=True):
        np.testing.assert_array_equal(image.pixels[..., 0], (np.asarray(page) / 65535).astype(np.float32))
    assert image_shape(path) == ((3, 4, 1), 3)
    two = list(read_frames(path, 2))
    assert len(two) == 2 and two[0].notes == (f"{path}: first 2 of 3 frames.",)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_shapes_are_those_of_pixels(tmp_path: Path, mode: str) -> None:
    image = Image.new(mode, (5, 3))
    exif = image.getexif()
    exif[0x0112] = 6
    paths = [save(tmp_path, image, "image.tif")]
    if mode not in ("CMYK", "F"):
        paths.append(save(tmp_path, image, "image.png", exif=exif))
    for path in paths:
        assert image_shape(path) == (read_image(path).pixels.shape, 1)
    samples = np.zeros((3, 5, 2), np.uint16)
    assert image_shape(write_png16(tmp_path / "alpha.png", samples, 4))[0] == (3, 5, 1)


def test_tiff_of_16_bits(tmp_path: Path) -> None:
    """Compressed or not, to the last bit; what Pillow misreads is refused."""
    samples = np.random.default_rng(0).integers(0, 65536, (5, 7, 3))
    for compression in ("none", "lzw", "zip"):
        image = read_image(write_tiff16(tmp_path / f"{compression}.tif", samples, compression=compression))
        np.testing.assert_array_equal(np.round(image.pixels.astype(np.float64) * 65535), samples)
        assert image.notes == ()
        planes = write_tiff16(tmp_path / "planes.tif", samples, compression=compression, planarconfig="separate")
        with pytest.raises(InputError, match="holds 16-bit color in separate planes"):
            read_image(planes)
