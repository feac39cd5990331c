"""The step scores each image as if it were alone, on however many devices, and they exchange nothing."""

import jax
import numpy as np
import pytest

from jaxloss import mae
from jaxloss._types import Image, Params, Scores
from jaxloss.evaluate import choose_metrics, compare
from jaxloss.evaluate._plan import Batch
from jaxloss.evaluate._step import Step
from jaxloss.registry import Metric
from tests.devices import collectives


METRICS = choose_metrics(["mae", "psnr", "ssim", "delta_e_76", "ms_ssim"])
BATCH = Batch((24, 20, 3), 8, 8)


def images(photograph: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y = np.stack([photograph[9 * n :, 7 * n :][:24, :20] for n in range(8)])
    return (y + 0.1 * np.random.default_rng(0).standard_normal(y.shape)).clip(0, 1).astype(np.float32), y


def test_devices_do_not_matter(photograph: np.ndarray) -> None:
    x, y = images(photograph)
    one, eight = (Step(METRICS, jax.devices()[:count], masked=False)(x, y, None, BATCH) for count in (1, 8))
    assert set(eight) == {"mae", "psnr", "ssim", "delta_e_76"}  # ms_ssim needs larger images
    assert len(eight["ssim"].sharding.device_set) == 8
    (expected,) = compare(y[5], [x[5]], metrics=list(eight))
    for name, scores in eight.items():
        np.testing.assert_allclose(scores, one[name], rtol=1e-5)
        np.testing.assert_allclose(scores[5], expected[name], rtol=1e-5)


def test_nothing_is_exchanged() -> None:
    """Nor with parameters, which are on all devices."""
    step = Step(METRICS, jax.devices(), masked=False)
    for _, program in step.compiled(BATCH):
        assert collectives(program) == []
    assert step.compiled(BATCH) is step.compiled(Batch((24, 20, 3), 8, 8))


def test_masked_images_are_filled_up(photograph: np.ndarray) -> None:
    x, y = images(photograph)
    metrics = choose_metrics(["psnr", "ciede2000"])
    shape = (8, 32, 40)
    filled, mask = [np.zeros((*shape, 3), np.float32) for _ in range(2)], np.zeros(shape, np.float32)
    for where, what in ((filled[0], x), (filled[1], y), (mask, 1)):
        where[:, :24, :20] = what
    found = Step(metrics, jax.devices(), masked=True)(filled[0], filled[1], mask, Batch((32, 40, 3), 8, 8))
    for name, scores in Step(metrics, jax.devices(), masked=False)(x, y, None, BATCH).items():
        np.testing.assert_allclose(found[name], scores, rtol=5e-6)


def test_parameters_reach_their_metrics(photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    def weighted(x: Image, y: Image, *, params: Params) -> Scores:
        return params["weight"] * mae(x, y)

    monkeypatch.setattr("jaxloss.evaluate._step.load_params", lambda name: {"weight": np.float32(len(name))})
    rows = [Metric(function=weighted, paper="", agrees_with="", params=name, variant=name) for name in ("a", "bcd")]
    x, y = images(photograph)
    found = Step(tuple(rows), jax.devices(), masked=False)(x, y, None, BATCH)
    np.testing.assert_allclose(found["weighted_bcd"], 3 * mae(x, y), rtol=1e-5)
    np.testing.assert_allclose(found["weighted_a"], mae(x, y), rtol=1e-5)
