"""`ssim` beyond the table of peers: MATLAB's numbers and code, a CUDA kernel's convention, piq's shrinking."""

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import jaxloss
from benchmarks.peers import Peer
from benchmarks.peers.table import WANG
from tests.parity._pairs import add_noise, continued, reduce_contrast
from tests.parity._peers import assert_same, outcome, peer, relative
from tests.reference import ssim_numpy


Load = Callable[..., np.ndarray]


@functools.partial(jax.jit, static_argnames=("row", "data_range"))
def ssim(x: jax.Array, y: jax.Array, *, row: str = "wang2004", data_range: float = 1.0) -> jax.Array:
    return jaxloss.ssim(x, y, data_range=data_range, **jaxloss.SSIM_CONVENTIONS[row])


@pytest.mark.parametrize(
    ("rows", "columns", "factor"),
    [(131, 97, 1), (384, 397, 2), (640, 651, 3), (641, 653, 3)],  # 1.5 and 2.5 are rounded up
)
def test_matlab(rows: int, columns: int, factor: int, load: Load) -> None:
    """`ssim.m`: imfilter(image, ones(f) / f^2, 'symmetric'), every f-th pixel, then the index of the paper."""
    y = continued(load("kodim08", 512, 512, gray=True), rows, columns)
    for x in (add_noise(y), reduce_contrast(y)):
        expected = ssim_numpy.ssim(matlab_shrink(x, factor), matlab_shrink(y, factor))
        score = ssim(x, y, row="matlab")
        assert score == pytest.approx(expected, abs=1e-5)


def matlab_shrink(image: np.ndarray, factor: int) -> np.ndarray:
    # The center of imfilter's window of f taps is tap floor((f + 1) / 2) counted from 1; ndimage's is f // 2 from 0.
    origin = (factor + 1) // 2 - 1 - factor // 2
    for axis in (0, 1):
        image = ndimage.uniform_filter1d(image.astype(np.float64), factor, axis, mode="reflect", origin=origin)
    return image[::factor, ::factor]


def test_matlab_on_goldhill(shared_data: Path) -> None:
    """0.8202 is the value of `ssim.m` that the tests of piq hold."""
    x, y = (read_gray(shared_data / "piq" / name) for name in ("goldhill_jpeg.gif", "goldhill.gif"))
    score = ssim(x, y, row="matlab", data_range=255.0)
    assert score == pytest.approx(0.8202, abs=1e-4)


def test_matlab_value_and_gradient(shared_data: Path) -> None:
    """scikit-image's `mssim_matlab_output.npz`, from the MATLAB code of Avanaki, with data range 255.

    It is of the photograph that was scikit-image's `camera.png` until 2020, when its copyright made them replace it.
    Its gradient is divided by all pixels, and exact where no window crosses the border.
    """
    y = read_gray(photograph_of_matlab())
    noisy = np.clip(y[..., 0] + 20.0 * np.random.RandomState(5).randn(512, 512), 0, 255)
    x = np.floor(noisy)[..., None].astype(np.float32)
    matlab = np.load(shared_data / "matlab" / "mssim_matlab_output.npz")
    score, gradient = jax.value_and_grad(ssim)(x, y, data_range=255.0)
    assert score == pytest.approx(matlab["mssim_matlab"].item(), abs=1e-6)
    inside = (slice(10, -10), slice(10, -10))
    expected = matlab["grad_matlab"][inside] * 512**2 / 502**2
    assert np.linalg.norm(gradient[..., 0][inside] - expected) < 1e-4 * np.linalg.norm(expected)


def photograph_of_matlab() -> Path:
    """MATLAB saw the camera man that scikit-image shipped until 0.17; its license keeps it out of here."""
    folder = os.environ.get("JAXLOSS_OLD_SKIMAGE")
    if folder is None:
        reason = "JAXLOSS_OLD_SKIMAGE does not name a folder with the contents of the scikit-image 0.17.2 wheel."
        pytest.fail(reason) if os.environ.get("JAXLOSS_REQUIRE_PEERS") == "1" else pytest.skip(reason)
    path = Path(folder) / "skimage" / "data" / "camera.png"
    digest = "361a6d56d22ee52289cd308d5461d090e06a56cb36007d8dfc3226cbe8aaa5db"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    return path


def read_gray(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), np.float32)[..., None]


# One half of the window in fused-ssim's kernel, and its center.
FUSED_SSIM_TAPS = (
    0.001028380123898387, 0.0075987582094967365, 0.036000773310661316, 0.10936068743467331, 0.21300552785396576,
    0.26601171493530273,
)  # fmt: skip


@pytest.mark.parametrize(("name", "gray"), [("astronaut", False), ("kodim08", True)])
def test_fused_ssim(name: str, gray: bool, load: Load) -> None:
    """fused-ssim itself needs CUDA, so this is its documented convention in NumPy, with its window."""
    taps = np.array([*FUSED_SSIM_TAPS, *FUSED_SSIM_TAPS[-2::-1]])
    y = load(name, 97, 131, gray=gray)
    for x in (add_noise(y), reduce_contrast(y)):
        wide_x, wide_y = (np.pad(z.astype(np.float64), [(5, 5), (5, 5), (0, 0)]) for z in (x, y))
        expected = ssim_numpy.ssim(wide_x, wide_y, np.outer(taps, taps))
        score = ssim(x, y, row="fused_ssim")
        assert score == pytest.approx(expected, abs=1e-5)


PIQ = Peer("piq", "ssim", lambda piq, x, y: piq.ssim(x, y))


@pytest.mark.parametrize(("rows", "columns"), [(391, 397), (512, 512), (640, 651), (641, 653)])
def test_piq_shrinks_large_images(rows: int, columns: int, load: Load) -> None:
    """By 2, 2, 2 and 3: 640 / 256 is 2.5, which Python rounds to even."""
    y = continued(load("kodim08", 512, 512, gray=True), rows, columns)
    x = add_noise(y)
    score, gradient = jax.value_and_grad(ssim)(x, y, row="piq")
    assert_same(f"{rows} x {columns}", PIQ, (score, gradient), outcome(PIQ, x, y), x, y)
    assert abs(score - ssim(x, y)) > 0.1


def test_skimage_gradient(load: Load) -> None:
    """Its analytic gradient is that of the mean over all windows, of which the last 5 at each border are mirrored.

    Pixels 10 from the border are in none of those; there it differs from ours by the number of windows averaged over.
    """
    y = load("kodim08", 131, 97, gray=True)
    x = add_noise(y)
    _, gradient = peer("skimage.metrics").structural_similarity(
        y, x, data_range=1.0, channel_axis=-1, gradient=True, **WANG
    )  # of the second image
    inside = (slice(10, -10), slice(10, -10))
    ours = jax.grad(ssim)(x, y)
    assert relative(ours[inside], gradient[inside] * (131 * 97) / (121 * 87)) < 1e-4
