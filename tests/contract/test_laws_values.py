"""Laws of the scores: identity, symmetry, range, direction, unit, dtype."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.registry import METRICS, Metric
from tests.contract.cases import compiled, default, every_metric, every_ranged_metric, random_pair, small, small_shape


half_precision = pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16], ids=["bfloat16", "float16"])


@every_metric
def test_equal_images_score_perfect(row: Metric, photographs: np.ndarray) -> None:
    """Exactly: whatever the scale, and also for images without any structure."""
    flat = [np.full_like(photographs[0], value) for value in (0.0, 0.3, 1.0)]
    images = jnp.asarray(np.stack([*photographs[:2], 0.01 * photographs[2], *flat]))
    scores = jax.jit(default(row))(images, images)
    np.testing.assert_array_equal(scores, np.full(6, row.perfect, np.float32))


@every_metric
def test_other_images_score_worse(row: Metric, rng: np.random.Generator) -> None:
    """The more noise, the further from perfect, in the direction that the registry says."""
    y = rng.random((*small_shape(row), 3), np.float32)
    noise = rng.normal(0, 1, y.shape).astype(np.float32)
    x = np.stack([y + amount * noise for amount in (0.0, 0.02, 0.1, 0.3)])
    scores = np.asarray(compiled(row)(x, np.broadcast_to(y, x.shape)))
    worse = scores if row.better == "lower" else -scores
    assert (np.diff(worse) > 0).all(), scores


@every_metric
def test_symmetry(row: Metric, rng: np.random.Generator) -> None:
    x, y = random_pair(row, rng, 2)
    forward, backward = compiled(row)(x, y), compiled(row)(y, x)
    assert np.allclose(forward, backward, rtol=1e-5, atol=1e-6) is row.symmetric


@every_metric
def test_scores_stay_in_range(row: Metric, photographs: np.ndarray, rng: np.random.Generator) -> None:
    natural = photographs[:2]
    random = rng.random(natural.shape, np.float32)
    black, white = np.zeros_like(natural), np.ones_like(natural)
    checkerboard = (np.indices(natural.shape[1:3]).sum(0) % 2).astype(np.float32)[None, ..., None] + black
    y = np.concatenate([natural, random, natural, black, checkerboard])
    x = np.concatenate([1 - natural, random[::-1], random, white, 1 - checkerboard])
    scores = np.asarray(jax.jit(default(row))(x, y))
    assert (scores >= row.lowest).all() and (scores <= row.highest).all(), scores
    # Black and white differ in no gradient.
    assert (np.delete(scores, np.arange(6, 8) if row.name == "gradient_loss" else []) != row.perfect).all()


@every_ranged_metric
@pytest.mark.parametrize("data_range", [255.0, 1e-3])
def test_score_does_not_depend_on_the_unit(row: Metric, data_range: float, rng: np.random.Generator) -> None:
    x, y = random_pair(row, rng, 2)
    scaled = small(row)(x * np.float32(data_range), y * np.float32(data_range), data_range=data_range)
    np.testing.assert_allclose(scaled, small(row)(x, y), rtol=1e-5, atol=1e-6)


@every_ranged_metric
def test_data_range_matters(row: Metric, rng: np.random.Generator) -> None:
    x, y = random_pair(row, rng)
    assert abs(small(row)(x, y, data_range=255.0) - small(row)(x, y)) > 1e-4


@every_metric
@half_precision
def test_half_precision_is_computed_in_float32(row: Metric, dtype: jnp.dtype, rng: np.random.Generator) -> None:
    x, y = (jnp.asarray(z).astype(dtype) for z in random_pair(row, rng, 2))
    score = small(row)(x, y)
    assert score.dtype == jnp.float32
    np.testing.assert_array_equal(score, small(row)(x.astype(jnp.float32), y.astype(jnp.float32)))


@every_metric
@half_precision
def test_dtypes_may_be_mixed(row: Metric, dtype: jnp.dtype, rng: np.random.Generator) -> None:
    x, y = random_pair(row, rng, 2)
    rounded = jnp.asarray(y).astype(dtype)
    score = small(row)(x, rounded)
    assert score.dtype == jnp.float32
    np.testing.assert_array_equal(score, small(row)(x, rounded.astype(jnp.float32)))


@every_metric
@pytest.mark.usefixtures("float64")
def test_double_precision_is_kept(row: Metric, rng: np.random.Generator) -> None:
    """float64 in, float64 out, with more than float32's digits; float32 stays float32 though x64 is on."""
    x, y = random_pair(row, rng, 2)
    single = compiled(row)(x, y)
    double = compiled(row)(x.astype(np.float64), y.astype(np.float64))
    mixed = compiled(row)(x, y.astype(np.float64))
    assert (single.dtype, double.dtype, mixed.dtype) == (jnp.float32, jnp.float64, jnp.float64)
    np.testing.assert_allclose(single, double, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(mixed, double, rtol=1e-13)
    assert (np.asarray(double) != np.asarray(double).astype(np.float32)).any()


@pytest.mark.parametrize("name", [name for name in METRICS if "ssim" in name])
def test_black_images_in_float16(name: str) -> None:
    """Where the variances cancel, statistics in float16 gave others 1.32."""
    row = METRICS[name]
    black = jnp.zeros((*small_shape(row), 3), jnp.float16)
    assert abs(small(row)(black, black) - row.perfect) <= 1e-6
