from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.metrics import _butteraugli
from jaxloss.metrics._butteraugli import pool
from tests.reference import butteraugli_numpy as truth
from tests.reference.butteraugli_images import distorted_image, image_pair, published_scores


# libjxl aea3a06, compiled, of crops of the sample photograph: maximum and 3-norm at 80 cd/m2, and at 250 cd/m2 with an
# asymmetry of 1.5.
PHOTOGRAPHS = (
    (0, "random_seed0_noise_20", 3.34732, 2.09564, 5.13538, 3.33362),
    (1, "random_seed1_noise_5", 0.768454, 0.43044, 0.995117, 0.564038),
    (2, "random_mid_contrast_1.2", 4.70164, 3.85931, 10.8413, 9.72967),
    (0, "random_mid_contrast_0.5", 25.1677, 22.3902, 49.3902, 43.7585),
    (1, "random_mid_gamma_0.9", 4.16138, 3.66122, 6.17987, 4.65193),
    (2, "random_mid_blur", 5.16298, 2.43878, 6.30691, 3.16716),
    (0, "random_mid_blur", 3.59249, 2.23151, 4.90106, 2.88939),
    (1, "random_mid_quantize_32", 0.835357, 0.496921, 1.04565, 0.632151),
    (2, "random_color_hue_shift", 41.2698, 23.1275, 61.8238, 34.4703),
    (0, "uniform_gray_128_shift_10", 4.77642, 3.96879, 7.86853, 7.42944),
)
OPTIONS = ({"target": 80.0, "asymmetry": 1.0}, {"target": 250.0, "asymmetry": 1.5})


@jax.jit
def scores(x, y, target=80.0, asymmetry=1.0):
    options: dict[str, Any] = {"data_range": 1.0, "intensity_target": target, "hf_asymmetry": asymmetry}
    return jnp.stack([jaxloss.butteraugli(x, y, norm=norm, **options) for norm in (np.inf, 3.0)])


def stacks(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Distorted images and references in [0, 1], `[n, H, W, 3]`."""
    references, distorted = zip(*map(image_pair, names), strict=True)
    return np.stack(distorted) / 255, np.stack(references) / 255


def photograph_pairs(crop_photograph) -> tuple[np.ndarray, np.ndarray]:
    crops = np.round(255 * crop_photograph(3, 48, 63)).astype(int)
    y = np.stack([crops[i] for i, *_ in PHOTOGRAPHS])
    x = np.stack([distorted_image(name.split("_"), z) for z, (_, name, *_) in zip(y, PHOTOGRAPHS, strict=True)])
    return x.astype(np.uint8) / 255, y / 255


def names_of(*sizes: str) -> list[str]:
    return [name for name in published_scores() if not sizes or name.rsplit("_", 1)[1] in sizes]


def assert_published(found: list[float], names: list[str]) -> None:
    """To what libjxl's logarithm, good to 4e-6, makes of small differences."""
    np.testing.assert_allclose(found, [published_scores()[name] for name in names], rtol=2e-4)


@pytest.mark.parametrize("sizes", [("15x15", "31x23"), pytest.param((), marks=pytest.mark.full)], ids=["some", "all"])
def test_truth_equals_the_published_scores_of_the_program(sizes):
    names = names_of(*sizes)
    found = []
    for name in names:
        y, x = (z / 255 for z in image_pair(name))
        found.append(truth.scores(x, y)[0])
    assert_published(found, names)


def test_truth_equals_the_program_on_photographs(crop_photograph):
    expected = np.array([numbers for _, _, *numbers in PHOTOGRAPHS])
    pairs = zip(*photograph_pairs(crop_photograph), strict=True)
    found = [np.concatenate([truth.scores(*pair, **options) for options in OPTIONS]) for pair in pairs]
    np.testing.assert_allclose(found, expected, rtol=4e-5)


SIZES = [("31x23",), *(pytest.param((f"{n}x{n}",), marks=pytest.mark.full) for n in (8, 15, 47, 64, 128, 256))]


@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "x".join(sizes))
def test_single_precision_equals_the_published_scores(sizes):
    names = names_of(*sizes)
    x, y = (z.astype(np.float32) for z in stacks(names))
    for batch in range(0, len(names), 42):
        part = slice(batch, batch + 42)
        assert_published(scores(x[part], y[part])[0].tolist(), names[part])


@pytest.mark.usefixtures("float64")
def test_equals_the_truth(crop_photograph):
    """All digits, with options as tracers; the map is what the scores are of."""
    x, y = photograph_pairs(crop_photograph)
    for options in OPTIONS:
        expected = np.transpose([truth.scores(*pair, **options) for pair in zip(x, y, strict=True)])
        np.testing.assert_allclose(scores(x, y, **options), expected, rtol=1e-10)
    assert np.all(np.asarray(scores(y, y)) == 0)


def test_small_images_and_gray_ones(rng):
    """Images below 8 pixels a side are extended; gray is red, green and blue of one value."""
    x, y = rng.random((2, 5, 13, 1), np.float32)
    field = jax.jit(lambda x, y: jaxloss.butteraugli_map(255 * x, 255 * y, data_range=255.0))
    gray, color = field(x, y), field(*(z.repeat(3, axis=-1) for z in (x, y)))
    assert gray.shape == (5, 13, 1)
    np.testing.assert_allclose(gray, color, rtol=1e-5)
    expected = truth.diffmap(*(z.repeat(3, axis=-1).astype(float) for z in (x, y)))
    np.testing.assert_allclose(gray[..., 0], expected, rtol=1e-4)


def test_large_maps_have_the_same_derivative(rng, monkeypatch):
    """What is computed anew for the derivative of large maps is what is kept for that of small ones."""
    x, y = rng.random((2, 2, 8, 9, 1), np.float32)

    def score(x, y):
        return jaxloss.butteraugli(x, y, data_range=1.0, norm=3.0, scales=1).sum()

    small = jax.jit(jax.value_and_grad(score, (0, 1)))(x, y)
    monkeypatch.setattr(_butteraugli, "SMALL", 0)
    large = jax.jit(jax.value_and_grad(lambda x, y: score(x, y), (0, 1)))(x, y)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), small, large)


def test_norms_scale_with_the_map(rng):
    """Powers of 12 of small differences are not lost; a maximum is relative to the largest weight."""
    field = rng.random((4, 4, 1), np.float32)
    mask = np.zeros((4, 4), np.float32)
    mask[1:, 2:] = rng.random((3, 2), np.float32) + 0.5
    for norm in (3.0, np.inf):
        score, small = (pool(jnp.asarray(unit * field), jnp.asarray(mask), norm) for unit in (1, 1e-8))
        np.testing.assert_allclose(small, 1e-8 * score, rtol=1e-5)
    np.testing.assert_allclose(score, (mask * field[..., 0]).max() / mask.max(), rtol=1e-6)
    powers = [np.average(field[..., 0] ** p, weights=mask) ** (1 / p) for p in (3, 6, 12)]
    np.testing.assert_allclose(pool(jnp.asarray(field), jnp.asarray(mask), 3.0), np.mean(powers), rtol=1e-5)
    assert np.isnan(pool(jnp.asarray(field), jnp.zeros((4, 4)), np.inf))


def test_what_it_does_not_take(rng):
    x, y = rng.random((2, 8, 8, 2), np.float32)
    with pytest.raises(ValueError, match="1 channel \\(gray\\) or 3 \\(RGB\\), got"):
        jaxloss.butteraugli(x, y, data_range=1.0)
    wrong: dict[str, Any] = {"norm > 0, got 0.0": {"norm": 0.0}, "scales of 1 or 2, got 3": {"scales": 3}}
    for message, options in wrong.items():
        with pytest.raises(ValueError, match=message):
            jaxloss.butteraugli(x[..., :1], y[..., :1], data_range=1.0, **options)
