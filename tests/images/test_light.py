"""Files of light are read as they are, and what is wrong with one is said in one line."""

import sys
from pathlib import Path

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.images import is_light, read_image, read_light
from jaxloss.images._light import any_frames, any_shape
from tests.images._light import write_light


@pytest.fixture
def light(rng: np.random.Generator) -> np.ndarray:
    return (1000 * rng.random((5, 7, 3)) ** 3).astype(np.float32)


def test_pixels_are_those_of_the_file(tmp_path: Path, light: np.ndarray) -> None:
    """To the bit in OpenEXR; Radiance's has 8 bits for each channel, and one exponent."""
    exr, hdr = (write_light(tmp_path / f"a.{extension}", light) for extension in ("exr", "hdr"))
    np.testing.assert_array_equal(read_light(exr).pixels, light)
    np.testing.assert_allclose(read_light(hdr).pixels, light, atol=light.max() / 128)
    assert any_shape(exr) == any_shape(hdr) == ((5, 7, 3), 1) and is_light("A.EXR") and not is_light("a.png")
    (image,) = any_frames(exr)
    assert image.pixels.dtype == np.float32 and image.notes == ()


def test_channels(tmp_path: Path, light: np.ndarray) -> None:
    image = read_light(write_light(tmp_path / "alpha.exr", np.concatenate([light, light[..., :1]], axis=-1), "RGBA"))
    np.testing.assert_array_equal(image.pixels, light)
    assert image.notes == (f"{tmp_path / 'alpha.exr'}: channel A dropped.",)
    gray = write_light(tmp_path / "gray.exr", light[..., :1], "Y")
    np.testing.assert_array_equal(read_light(gray).pixels, light[..., :1])
    assert any_shape(gray)[0] == (5, 7, 1)
    with pytest.raises(InputError, match=r"has the channels Z\. Save it with R, G and B"):
        read_light(write_light(tmp_path / "depth.exr", light[..., :1], "Z"))


def test_what_is_wrong_with_a_file(
    tmp_path: Path, light: np.ndarray, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_light(tmp_path / "a.exr", light)
    (tmp_path / "text.exr").write_text("no light")
    (tmp_path / "cut.exr").write_bytes(path.read_bytes()[:-100])
    light[0, 0, 0] = np.nan
    write_light(tmp_path / "nan.exr", light)
    for name, message in {
        "nowhere.exr": "no such file", "text.exr": "not an image that OpenImageIO can read",
        "cut.exr": "cannot be decoded", "nan.exr": "holds values that are not finite",
    }.items():  # fmt: skip
        with pytest.raises(InputError, match=f"{name}: {message}"):
            read_light(tmp_path / name)
    with pytest.raises(InputError, match="holds light, not pixels in"):
        read_image(path)
    assert capfd.readouterr() == ("", "")
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    with pytest.raises(InputError, match=r'reading light needs OpenImageIO: pip install "jaxloss\[hdr\]"'):
        read_light(path)
