import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxloss._checks import Pair
from jaxloss.ops import convert_color, rgb_to_lab, rgb_to_y
from jaxloss.ops._color import luma_pair


def pillow(photograph: np.ndarray, mode: str) -> np.ndarray:
    pixels = Image.fromarray((photograph * 255).round().astype(np.uint8))
    return np.asarray(pixels.convert(mode), np.float32)


def test_luma_is_pillows(photograph):
    """Pillow rounds to integers."""
    result = rgb_to_y(jnp.asarray(photograph))
    np.testing.assert_allclose(255 * result[..., 0], pillow(photograph, "L"), atol=0.51)


def test_ycbcr_is_pillows(photograph):
    result = 255 * convert_color(jnp.asarray(photograph), to="ycbcr") + jnp.array([0, 128, 128.0]).reshape(1, 1, 3)
    np.testing.assert_allclose(result, pillow(photograph, "YCbCr"), atol=1.01)


def test_yiq_of_pure_colors():
    primaries = np.eye(3, dtype=np.float32).reshape(1, 3, 3)
    expected = [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
    found = np.asarray(jax.jit(lambda z: convert_color(z, to="yiq"))(primaries))
    np.testing.assert_allclose(found[0].T, expected, rtol=1e-6)


def test_luma_of_pairs():
    x, y = jnp.ones((2, 2, 3)), jnp.full((2, 2, 3), 0.5)
    gray = luma_pair("f", Pair(x, y, None))
    assert gray.x.shape == (2, 2, 1) and gray.mask is None
    np.testing.assert_allclose((gray.x.mean(), gray.y.mean()), (1, 0.5), rtol=1e-6)
    assert luma_pair("f", gray) is gray
    with pytest.raises(ValueError, match=r"f: expected 1 channel \(gray\) or 3 \(RGB\), got \(3, 2, 2\)"):
        luma_pair("f", Pair(jnp.moveaxis(x, -1, 0), jnp.moveaxis(y, -1, 0), None))


# Of Bruce Lindbloom's calculator, under D65, to one digit.
LAB = {
    (1, 0, 0): (53.2, 80.1, 67.2), (0, 1, 0): (87.7, -86.2, 83.2), (0, 0, 1): (32.3, 79.2, -107.9),
    (1, 1, 0): (97.1, -21.6, 94.5), (1, 1, 1): (100, 0, 0), (0, 0, 0): (0, 0, 0), (0.5, 0.5, 0.5): (53.4, 0, 0),
}  # fmt: skip


def test_lab_of_known_colors():
    colors = np.asarray(list(LAB), np.float32)[None]
    np.testing.assert_allclose(jax.jit(rgb_to_lab)(colors)[0], list(LAB.values()), atol=0.1)
    slope = jax.jit(jax.vmap(jax.jacfwd(lambda color: rgb_to_lab(color[None, None])[0, 0])))
    dark = np.asarray(slope(np.asarray([[0, 0, 0], [0.02, 0, 0.04], [-0.1, 1.1, 0]], np.float32)))
    assert np.isfinite(dark).all() and (dark[0, 0] > 0).all()


def test_bad_input_raises():
    for call in (rgb_to_y, rgb_to_lab, lambda z: convert_color(z, to="yiq")):
        with pytest.raises(ValueError, match="3 channels"):
            call(jnp.zeros((4, 4, 1)))
    with pytest.raises(ValueError, match="to one of"):
        convert_color(jnp.zeros((4, 4, 3)), to="lab")
