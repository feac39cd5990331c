import jax
import numpy as np
import pytest

import jaxloss
from jaxloss.metrics._ssimulacra2 import WEIGHTS, WINDOW, score
from tests.reference import ssimulacra2_images as published, ssimulacra2_numpy as truth


WEIGHT = np.ravel(WEIGHTS)
ssimulacra2 = jax.jit(jaxloss.ssimulacra2, static_argnames=("data_range", "scales"))

CHEAP = (
    "noise_vs_sharpen_64x64",
    "gradient_vs_yuv_roundtrip_64x64",
    "edge_vs_boxblur8x8_64x64",
    "uniform_shift_1_32x32",
)


def some_in_full(names: tuple[str, ...]) -> list:
    return [pytest.param(name, marks=[] if name in names else [pytest.mark.full]) for name in published.SCORES]


@pytest.mark.parametrize("name", some_in_full(CHEAP))
def test_the_truth_is_the_program_but_for_rounding(name: str) -> None:
    """To all digits that the program prints: in float32, in its order. In float64 it is up to two points away."""
    x, y = published.image_pair(name)
    assert abs(truth.score(x, y, WEIGHT, np.float32) - published.SCORES[name]) < 2e-6
    assert 2e-4 < abs(truth.score(x, y, WEIGHT) - published.SCORES[name]) < 2


@pytest.mark.parametrize("name", some_in_full(CHEAP[:2]))
def test_equals_the_truth_in_float32(name: str) -> None:
    x, y = published.image_pair(name)
    found = ssimulacra2(*(z.astype(np.float32) for z in (x, y)), data_range=255.0)
    np.testing.assert_allclose(found, truth.score(x, y, WEIGHT), rtol=0, atol=5e-3)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("height", "width"),
    [(27, 38), pytest.param(9, 8, marks=pytest.mark.full), pytest.param(117, 150, marks=pytest.mark.full)],
    ids=["three scales of odd sides", "two scales, smaller than a window", "all scales"],
)
def test_equals_the_truth_in_float64(height: int, width: int, crop_photograph, rng: np.random.Generator) -> None:
    y = np.rint(255 * crop_photograph(1, height, width)[0].astype(np.float64))
    x = np.clip(np.rint(y + rng.normal(0, 9, y.shape)), 0, 255)
    expected = truth.score(x, y, WEIGHT)
    found, features = jax.jit(
        lambda x, y: (
            jaxloss.ssimulacra2(x, y, data_range=255.0),
            [jaxloss.ssimulacra2_features(z, data_range=255.0) for z in (x, y)],
        )
    )(x, y)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(jax.jit(jaxloss.ssimulacra2_from_features)(*features), expected, rtol=1e-9)


def test_the_window_is_the_impulse_response_of_the_recursion() -> None:
    impulse = np.zeros((1, 31, 31))
    impulse[0, 15, 15] = 1
    np.testing.assert_allclose(truth.blur(impulse)[0, 11:20, 11:20], np.outer(WINDOW, WINDOW), atol=1e-14)
    assert abs(truth.blur(impulse)[0, :11]).max() < 1e-14 and abs(sum(WINDOW) - 1) < 1e-12


def test_the_worse_of_two_backgrounds_counts(crop_photograph) -> None:
    """Under half a picture and half of nothing; opaque images are those without alpha."""
    y = crop_photograph(1, 16, 20)[0]
    x = 0.9 * y
    alpha = np.ones_like(y[..., :1])
    alpha[:, 10:] = 0.5
    found = ssimulacra2(*(np.concatenate([z, alpha], axis=-1) for z in (x, y)), data_range=1.0, scales=1)
    blended = [[alpha * z + (1 - alpha) * gray for gray in (0.1, 0.9)] for z in (x, y)]
    scores = ssimulacra2(*map(np.stack, blended), data_range=1.0, scales=1)
    assert abs(scores[0] - scores[1]) > 0.05
    np.testing.assert_allclose(found, scores.min(), rtol=1e-6)


@pytest.mark.usefixtures("float64")
def test_the_score_falls_with_the_sum_of_errors_everywhere() -> None:
    """Also where its cubic is nearly level, at u = 116.5."""
    falls = np.diff(jax.jit(score)(np.linspace(0, 300, 3001)))
    assert (falls < 0).all() and -1e-6 < falls.max()


def test_map_shows_what_has_changed_where(crop_photograph) -> None:
    """A pattern on the left rings, and on the right is lost."""
    x, y = (0.2 * crop_photograph(1, 24, 40)[0] + 0.4 for _ in range(2))
    pattern = np.where(np.indices((24, 10)).sum(0) % 2, 0.2, -0.2)[..., None].astype(np.float32)
    x[:, :10] += pattern
    y[:, 30:] += pattern
    field = jax.jit(jaxloss.ssimulacra2_map, static_argnames="data_range")(x, y, data_range=1.0)
    left, middle, right = (np.asarray(field)[:, part].mean(axis=(0, 1)) for part in np.s_[:10, 15:25, 30:])
    np.testing.assert_array_equal(middle, 0)
    assert left[1] > 10 * left[2] and right[2] > 10 * right[1] and min(left[0], right[0]) > 0.1


def test_scales_are_checked() -> None:
    image = jax.ShapeDtypeStruct((8, 8, 3), np.float32)
    with pytest.raises(ValueError, match="ssimulacra2: expected scales from 1 to 6, got 7"):
        jax.eval_shape(lambda x: jaxloss.ssimulacra2(x, x, data_range=1.0, scales=7), image)


def test_features_of_other_sizes_are_refused() -> None:
    def compare(x: jax.Array, y: jax.Array) -> jax.Array:
        return jaxloss.ssimulacra2_from_features(*(jaxloss.ssimulacra2_features(z, data_range=1.0) for z in (x, y)))

    one, other = (jax.ShapeDtypeStruct((8, width, 3), np.float32) for width in (8, 9))
    with pytest.raises(ValueError, match="features of images of equal shape"):
        jax.eval_shape(compare, one, other)
