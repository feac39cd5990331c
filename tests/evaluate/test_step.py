"""The step scores each image as if it were alone, on however many devices, and they exchange nothing."""

import functools

import jax
import numpy as np
import pytest

from jaxloss import lpips, mae
from jaxloss._types import Image, Params, Scores
from jaxloss.evaluate import choose_metrics, compare
from jaxloss.evaluate._plan import Batch
from jaxloss.evaluate._step import Step, _in_unit
from jaxloss.registry import Metric
from tests.devices import collectives
from tests.networks import thin_networks, tiny_params


METRICS = choose_metrics(["mae", "psnr", "ssim", "delta_e_76", "ms_ssim"])
BATCH = Batch((24, 20, 3), 8, 8)
CONVOLUTION = "stablehlo.convolution"


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
    for _, (program,) in step.compiled(BATCH):
        assert collectives(program) == []
    assert step.compiled(BATCH) is step.compiled(Batch((24, 20, 3), 8, 8))


def test_samples_of_8_bits_are_pixels_to_the_last_bit() -> None:
    """All 256 of them; and equal images have no error, though the compiler would multiply and subtract at once."""
    samples = np.arange(8 * 24 * 20 * 3).astype(np.uint8).reshape(8, 24, 20, 3)
    pixels = samples.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(jax.jit(_in_unit)(samples), pixels)
    step, stored = Step(choose_metrics(["mae", "mse"]), jax.devices(), masked=False), BATCH._replace(samples="uint8")
    for name, scores in step(pixels, np.zeros_like(pixels), None, BATCH).items():
        np.testing.assert_allclose(step(samples, np.zeros_like(samples), None, stored)[name], scores, rtol=3e-7)
    assert not any(np.asarray(scores).any() for scores in step(samples, samples, None, stored).values())


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


@pytest.mark.parametrize("each", [1, 4])
def test_networks_look_once_at_references(each: int, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch there is one for each image, or for all of a device. In the batches that follow they are known."""
    params = tiny_params("lpips-alex", short=True)
    monkeypatch.setattr("jaxloss.evaluate._step.load_params", lambda name: params)
    x, y = (np.tile(z, (1, 2, 2, 1)) for z in images(photograph))
    metrics, batch = choose_metrics(["lpips", "mae"]), Batch((48, 40, 3), 8, 16, shared=True, each=each)
    with thin_networks(short=True):
        step = Step(metrics, jax.devices()[: 8 // each], masked=False)
        score = jax.jit(functools.partial(lpips, params=params, data_range=1.0))
        parts = [part.as_text() for part in step.lower(metrics[:1], batch)]
        whole = score.lower(x, y).as_text()
        assert [2 * part.count(CONVOLUTION) for part in parts] == 2 * [whole.count(CONVOLUTION)]
        assert [f"{8 // each}x48x40x3xf32" in part for part in parts] == [True, each == 1]
        for scale, darker, name in ((1.0, 1.0, "these"), (0.5, 1.0, "these"), (1.0, 0.5, "others")):
            tested, reference = np.float32(scale) * x, np.float32(darker) * y[::each]
            found = step(tested, reference, None, batch, references=dict.fromkeys(range(8 // each), name))
            expected = score(tested, np.repeat(reference, each, axis=0))
            np.testing.assert_allclose(found["lpips"], expected, rtol=1e-5)
            np.testing.assert_allclose(
                found["mae"], np.abs(tested - np.repeat(reference, each, 0)).mean((1, 2, 3)), 1e-5
            )
        assert len(found["lpips"].sharding.device_set) == 8 // each
        np.testing.assert_array_equal(
            step(x, 0 * y[::each], None, batch, references={1: "others"})["lpips"], found["lpips"]
        )
        programs = [program for _, parts in step.compiled(batch) for program in parts]
        assert len(programs) == 3 and (each > 1 or not any(map(collectives, programs)))
