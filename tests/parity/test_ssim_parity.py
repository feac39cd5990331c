"""`ssim` with each row of `SSIM_CONVENTIONS` against the library it is named after, called with its own defaults.

In float32 the peers are the less exact ones: where an image is bright and flat, E[x²] - µ² leaves few digits, and the
mean scores of tensorflow, piq, torchmetrics and dm_pix are off by 1e-5 to 4e-4, their gradients by more than 1e-4
relative. That is their rounding: run in float64 they return the float32 of `ssim` to 1e-5. So the float32 of a peer is
the reference on pairs where it keeps its digits, and its float64 on those where it does not.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from scipy import ndimage

import jaxloss
from tests.parity._pairs import Distortion, add_noise, blur, compress, continued, invert, reduce_contrast
from tests.parity._peers import Peer, peer


Load = Callable[..., np.ndarray]


def skimage_ssim(metrics: Any, x: np.ndarray, y: np.ndarray, **options: bool) -> Any:
    return metrics.structural_similarity(x, y, data_range=1.0, channel_axis=-1, **options)


def torchmetrics_ssim(image: Any, x: Any, y: Any) -> Any:
    return image.structural_similarity_index_measure(x, y, data_range=1.0)


WANG_FLAGS = {"gaussian_weights": True, "use_sample_covariance": False}  # sigma is 1.5, the window 11 by default
PEERS = [  # (row of SSIM_CONVENTIONS, library)
    ("tensorflow", Peer("tensorflow", "tensorflow", lambda tf, x, y: tf.image.ssim(x, y, 1.0))),
    ("pytorch_msssim", Peer("pytorch_msssim", "torch", lambda m, x, y: m.ssim(x, y, data_range=1.0))),
    ("dm_pix", Peer("dm_pix", "jax", lambda pix, x, y: pix.ssim(x, y))),
    ("torchmetrics", Peer("torchmetrics.functional.image", "torch", torchmetrics_ssim)),
    ("piq", Peer("piq", "torch", lambda piq, x, y: piq.ssim(x, y))),
    ("kornia", Peer("kornia.metrics", "torch", lambda m, x, y: m.ssim(x, y, window_size=11).mean())),
    ("wang2004", Peer("piqa", "torch", lambda piqa, x, y: piqa.SSIM(n_channels=x.shape[1]).to(x.dtype)(x, y))),
    ("wang2004", Peer("skimage.metrics", "numpy", lambda m, x, y: skimage_ssim(m, x, y, **WANG_FLAGS))),
    ("skimage", Peer("skimage.metrics", "numpy", skimage_ssim)),
]  # fmt: skip
DIFFERENTIABLE = [(row, other) for row, other in PEERS if other.framework != "numpy"]


def each(peers: list[tuple[str, Peer]], *, float64: bool = False) -> pytest.MarkDecorator:
    """One test per peer. In double precision without tensorflow, which casts to float32."""
    peers = [(row, other) for row, other in peers if not (float64 and row == "tensorflow")]
    names = [f"{row}-{other.library.split('.')[0]}" for row, other in peers]
    return pytest.mark.parametrize(("row", "other"), peers, ids=names)


GRAY = ("camera", "kodim04", "kodim08")


def crop(load: Load, name: str) -> np.ndarray:
    return load(name, 131, 97, gray=True) if name in GRAY else load(name, 97, 131)


@functools.cache
def compiled(row: str) -> Callable:
    options = jaxloss.SSIM_CONVENTIONS[row]
    return jax.jit(jax.value_and_grad(lambda x, y: jaxloss.ssim(x, y, data_range=1.0, **options)))


def relative(a: Any, b: np.ndarray) -> float:
    return float(np.linalg.norm(np.asarray(a, np.float64) - b) / np.linalg.norm(b))


def doubles(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x.astype(np.float64), y.astype(np.float64)


@each(PEERS)
@pytest.mark.parametrize("name", ["astronaut", "camera", "kodim03", "kodim08"])
@pytest.mark.parametrize("distort", [add_noise, blur])
def test_score_in_float32(row: str, other: Peer, name: str, distort: Distortion, load: Load) -> None:
    y = crop(load, name)
    x = distort(y)
    assert compiled(row)(x, y)[0] == pytest.approx(other.value(x, y), abs=1e-5)


@each(DIFFERENTIABLE)
@pytest.mark.parametrize("name", ["astronaut", "camera", "kodim03", "kodim08"])
def test_gradient_in_float32(row: str, other: Peer, name: str, load: Load) -> None:
    y = crop(load, name)
    x = add_noise(y)
    assert relative(compiled(row)(x, y)[1], other.gradient(x, y)) < 1e-4


HARD = [("astronaut", invert)] + [
    (name, distort)
    for name in ("astronaut", "camera", "chelsea", "coffee", "kodim03", "kodim04", "kodim07", "kodim08")
    for distort in (compress, reduce_contrast)
]


@each(PEERS, float64=True)
@pytest.mark.parametrize(("name", "distort"), HARD)
def test_score_against_the_float64_of_the_peer(
    row: str, other: Peer, name: str, distort: Distortion, load: Load
) -> None:
    y = crop(load, name)
    x = distort(y)
    assert compiled(row)(x, y)[0] == pytest.approx(other.value(*doubles(x, y)), abs=1e-5)


@each(DIFFERENTIABLE, float64=True)
@pytest.mark.parametrize(("name", "distort"), HARD)
def test_gradient_against_the_float64_of_the_peer(
    row: str, other: Peer, name: str, distort: Distortion, load: Load
) -> None:
    """dm_pix clips variances from below at 1e-14 and covariances at what they allow: no gradient from flat windows."""
    y = crop(load, name)
    x = distort(y)
    ours, theirs = compiled(row)(x, y)[1], other.gradient(*doubles(x, y))
    counts = ~near_flat_windows(x, y) if row == "dm_pix" else np.full(x.shape, True)
    assert counts.mean() > 0.4
    assert relative(ours[counts], theirs[counts]) < 1e-4


def near_flat_windows(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The pixels in windows of 11 x 11 over which x or y is constant."""
    flat = np.full(x.shape, False)
    for z in (x, y):
        flat |= ndimage.maximum_filter(z, (11, 11, 1)) == ndimage.minimum_filter(z, (11, 11, 1))
    return ndimage.binary_dilation(flat, np.ones((11, 11, 1)))


@pytest.mark.parametrize(("rows", "columns"), [(391, 397), (512, 512), (640, 651), (641, 653)])
def test_piq_shrinks_large_images(rows: int, columns: int, load: Load) -> None:
    """By 2, 2, 2 and 3: 640 / 256 is 2.5, which Python rounds to even."""
    y = continued(load("kodim08", 512, 512, gray=True), rows, columns)
    x = add_noise(y)
    score = jaxloss.ssim(x, y, data_range=1.0, **jaxloss.SSIM_CONVENTIONS["piq"])
    assert score == pytest.approx(dict(PEERS)["piq"].value(x, y), abs=1e-5)
    assert abs(score - jaxloss.ssim(x, y, data_range=1.0)) > 0.1


def test_skimage_gradient(load: Load) -> None:
    """Its analytic gradient is that of the mean over all windows, of which the last 5 at each border are mirrored.

    Pixels 10 from the border are in none of those; there it differs from ours by the number of windows averaged over.
    """
    y = load("kodim08", 131, 97, gray=True)
    x = add_noise(y)
    _, gradient = skimage_ssim(peer("skimage.metrics"), y, x, gradient=True, **WANG_FLAGS)  # of the second image
    inside = (slice(10, -10), slice(10, -10))
    ours = compiled("wang2004")(x, y)[1]
    assert relative(ours[inside], gradient[inside] * (131 * 97) / (121 * 87)) < 1e-4
