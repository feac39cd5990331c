"""ColorVideoVDP against the authors' package: on several displays, at odd sizes, in both precisions; and its maps."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from jaxloss import cvvdp, cvvdp_map, cvvdp_video, cvvdp_video_map, load_params
from tests.parity._pairs import add_noise, blur, compress, invert, invert_one_channel, reduce_contrast
from tests.parity._peers import foreign_code, peer


NAMES = ("astronaut", "chelsea", "coffee", "kodim03", "kodim07")
DISTORTIONS = (add_noise, blur, compress, invert, invert_one_channel, reduce_contrast)


@contextmanager
def in_double(package: Any, torch: Any) -> Iterator[None]:
    """The package takes no images of float64, but computes in the default dtype."""
    source = package.video_source.video_source_array

    # Of its buffer of frames it says float32 itself.
    double = SimpleNamespace(**{**vars(torch), "float32": torch.float64})

    def frame(self: Any, images: Any, index: int, device: Any, colorspace: str) -> Any:
        return self.apply_dm_and_color_transform(images[:, :, index : index + 1].to(device), colorspace)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "_get_frame", frame)
        patch.setattr(package.cvvdp_metric, "torch", double)
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(torch.float32)


def theirs(
    x: np.ndarray, y: np.ndarray, display: str, heatmap: str | None = None, frames_per_second: float = 0
) -> tuple[np.ndarray, Any]:
    """Of images `[N, H, W, 3]`, or of clips `[N, T, H, W, 3]`."""
    torch = peer("torch")
    peer("torchvision")  # which the package imports, and which has to be prepared
    package = peer("pycvvdp")

    def predict() -> tuple[np.ndarray, Any]:
        metric = package.cvvdp(display_name=display, device=torch.device("cpu"), heatmap=heatmap, quiet=True)
        metric.xcm_weights = metric.xcm_weights.to(torch.get_default_dtype())
        order = "BFHWC" if frames_per_second else "BHWC"
        scores, details = metric.predict(
            torch.tensor(x), torch.tensor(y), dim_order=order, frames_per_second=frames_per_second
        )
        return scores.numpy(), details

    with foreign_code():
        if x.dtype == np.float32:
            return predict()
        with in_double(package, torch):
            return predict()


def pairs(load: Any, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    y = [load(name, height, width) for name in NAMES for _ in DISTORTIONS[::2]]
    x = [distort(z) for z, distort in zip(y, DISTORTIONS * len(NAMES), strict=False)]
    return np.stack(x), np.stack(y)


@pytest.mark.parametrize(
    ("height", "width", "display"),
    [
        (97, 130, "standard_4k"),
        (120, 81, "standard_fhd"),
        (64, 64, "standard_hdr_pq"),
        (75, 75, "standard_phone"),
    ],
)
def test_scores(height: int, width: int, display: str, load: Any) -> None:
    """Of 15 pairs on each display. In float32 the package itself is off by up to 1.2e-4, on the display of PQ."""
    params = load_params("cvvdp")
    score = jax.jit(lambda x, y: cvvdp(x, y, data_range=1.0, params=params, display=display))
    x, y = pairs(load, height, width)
    single = score(x, y)
    x, y = (z.astype(np.float64) for z in (x, y))
    expected, _ = theirs(x, y, display)
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(single, expected, atol=2e-5, rtol=0)
    with jax.enable_x64(True):
        np.testing.assert_allclose(score(x, y), expected, atol=2e-6, rtol=0)


def test_map(load: Any) -> None:
    """The package keeps maps in float16."""
    x, y = (z[:1] for z in pairs(load, 97, 130))
    _, details = theirs(x, y, "standard_fhd", heatmap="raw")
    options = {"data_range": 1.0, "params": load_params("cvvdp"), "display": "standard_fhd"}
    found = jax.jit(lambda x, y: cvvdp_map(x, y, **options))(x, y)
    assert 0.05 < np.max(found)
    np.testing.assert_allclose(found[0, ..., 0], details["heatmap"][0, 0, 0], rtol=1e-3, atol=1e-4)


def clips(load: Any, frames: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A camera that moves, and in turn: new noise in each frame, the same in all, each second frame dropped, blur."""
    y = []
    for i, name in enumerate(NAMES[:4]):
        wide = load(name, height + 2 * frames, width + i * frames)
        y.append([wide[2 * t : 2 * t + height, i * t : i * t + width] for t in range(frames)])
    y = np.array(y)
    x = [
        np.clip(y[0] + 0.1 * np.random.default_rng(0).standard_normal(y[0].shape, np.float32), 0, 1),
        np.stack([add_noise(frame) for frame in y[1]]),
        np.repeat(y[2, ::2], 2, axis=0)[:frames],
        np.stack([blur(frame) for frame in y[3]]),
    ]
    return np.stack(x), y


@pytest.mark.parametrize(
    ("frames", "height", "width", "frames_per_second", "display"),
    [
        (6, 40, 57, 24, "standard_4k"),
        (9, 65, 48, 30, "standard_hdr_pq"),
        (12, 41, 43, 60, "standard_fhd"),
    ],
)
def test_clips(frames: int, height: int, width: int, frames_per_second: float, display: str, load: Any) -> None:
    """Of four clips on each display."""
    options = {"data_range": 1.0, "params": load_params("cvvdp"), "frames_per_second": frames_per_second}
    score = jax.jit(lambda x, y: cvvdp_video(x, y, display=display, **options))
    x, y = clips(load, frames, height, width)
    single = score(x, y)
    x, y = (z.astype(np.float64) for z in (x, y))
    expected, _ = theirs(x, y, display, frames_per_second=frames_per_second)
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(single, expected, atol=5e-5, rtol=0)
    with jax.enable_x64(True):
        np.testing.assert_allclose(score(x, y), expected, atol=2e-6, rtol=0)


def test_map_of_a_clip(load: Any) -> None:
    x, y = (z[:1] for z in clips(load, 3, 40, 57))
    _, details = theirs(x, y, "standard_fhd", heatmap="raw", frames_per_second=30)
    options = {"data_range": 1.0, "params": load_params("cvvdp"), "display": "standard_fhd", "frames_per_second": 30}
    found = jax.jit(lambda x, y: cvvdp_video_map(x, y, **options))(x, y)
    assert 0.05 < np.max(found)
    np.testing.assert_allclose(found[0, ..., 0], details["heatmap"][0, 0], rtol=1e-3, atol=1e-4)
