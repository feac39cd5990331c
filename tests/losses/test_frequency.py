from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


# Compiled whole: operation by operation the many options would take a minute.
focal_frequency_loss = jax.jit(
    jaxloss.focal_frequency_loss, static_argnames=("patch_factor", "log_matrix", "normalize")
)


def truth(
    x: np.ndarray,
    y: np.ndarray,
    alpha: float = 1.0,
    patch_factor: int = 1,
    log_matrix: bool = False,
    normalize: str = "spectrum",
    weights: np.ndarray | None = None,
) -> tuple[float, np.ndarray]:
    """Equations 3 to 8 of Jiang et al. 2021, with the whole spectra of both images; and the weights."""
    height, width = (side // patch_factor for side in x.shape[:2])
    rows, columns = np.arange(height), np.arange(width)
    down = np.exp(-2j * np.pi * np.outer(rows, rows) / height) / np.sqrt(height)
    across = np.exp(-2j * np.pi * np.outer(columns, columns) / width) / np.sqrt(width)
    spectra = [
        np.einsum("uh,phqwc,vw->pqcuv", down, grid, across)
        for grid in (z.reshape(patch_factor, height, patch_factor, width, -1) for z in (x, y))
    ]
    distance = abs(spectra[0] - spectra[1])
    matrix = np.log(distance**alpha + 1) if log_matrix else distance**alpha
    peak = matrix.max(axis=(-2, -1), keepdims=True) if normalize == "spectrum" else matrix.max()
    used = matrix / peak if weights is None else weights
    return (used * distance**2).mean(), used


OPTIONS: list[dict[str, Any]] = [
    {},
    {"alpha": 0.5},
    {"alpha": 2.0, "log_matrix": True},
    {"patch_factor": 2},
    {"patch_factor": 3, "normalize": "image", "alpha": 3.0},
]
every_option = pytest.mark.parametrize("options", OPTIONS, ids=str)


@pytest.fixture(params=[(6, 12), (12, 18), (6, 6)], ids=str)
def pair(request: pytest.FixtureRequest, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x, y = rng.random((2, *request.param, 3))
    return x, y


@every_option
def test_value_equals_the_paper(pair: tuple[np.ndarray, np.ndarray], options: dict[str, Any]) -> None:
    x, y = (z.astype(np.float32) for z in pair)
    expected, _ = truth(x.astype(np.float64), y.astype(np.float64), **options)
    np.testing.assert_allclose(focal_frequency_loss(x, y, **options), expected, rtol=1e-5)


def test_odd_sides(rng: np.random.Generator) -> None:
    """Where the highest frequency has a mirror image."""
    for shape in ((5, 7, 2), (1, 9, 1), (8, 1, 1), (1, 1, 1)):
        x, y = rng.random((2, *shape)).astype(np.float32)
        expected, _ = truth(x.astype(np.float64), y.astype(np.float64))
        np.testing.assert_allclose(focal_frequency_loss(x, y), expected, rtol=1e-5)


@every_option
@pytest.mark.usefixtures("float64")
def test_gradient_leaves_out_the_weights(rng: np.random.Generator, options: dict[str, Any]) -> None:
    """It is that of the loss with the weights at x, kept while x moves: and not that of the whole."""
    x, y, direction = rng.random((3, 6, 12, 2))
    _, weights = truth(x, y, **options)

    def difference(weights: np.ndarray | None, step: float = 1e-5) -> float:
        values = [truth(x + s * direction, y, **options, weights=weights)[0] for s in (step, -step)]
        return (values[0] - values[1]) / (2 * step)

    gradient = jax.jit(jax.grad(lambda x: jaxloss.focal_frequency_loss(x, y, **options)))(x)
    slope = np.vdot(gradient, direction)
    np.testing.assert_allclose(slope, difference(weights), rtol=1e-8)
    assert abs(slope - difference(None)) > 0.01 * abs(slope)


def test_equal_weights_make_it_the_mean_squared_error(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Parseval's theorem; and no weight is larger than 1."""
    x, y = (z.astype(np.float32) for z in pair)
    np.testing.assert_allclose(focal_frequency_loss(x, y, alpha=0.0), ((x - y) ** 2).mean(), rtol=1e-5)
    assert focal_frequency_loss(x, y) < ((x - y) ** 2).mean()


@every_option
def test_hard_points(rng: np.random.Generator, options: dict[str, Any]) -> None:
    """Equal images, one of two equal, constants apart, and a difference whose square is no number."""
    x = rng.random((4, 6, 12, 1)).astype(np.float32)
    y = x + np.array([0, 1, 0, 1e-30], np.float32).reshape(4, 1, 1, 1)
    y[2, 0, 0] += 0.5

    @jax.jit
    def evaluate(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        values, pull_back = jax.vjp(lambda x: jaxloss.focal_frequency_loss(x, y, **options), x)
        return values, pull_back(jnp.ones_like(values))[0]

    for first, second in ((x, y), (0 * x, 0 * x), (0 * x, 0 * x + np.float32(1e-30))):
        values, gradient = evaluate(first, second)
        assert np.isfinite(values).all() and np.isfinite(gradient).all()
        assert values[0] == 0 and not gradient[0].any()


def test_batches_transformations_and_dtypes(rng: np.random.Generator) -> None:
    x, y = rng.random((2, 2, 3, 6, 8, 3)).astype(np.float32)
    values = focal_frequency_loss(x, y)
    assert values.shape == (2, 3)
    np.testing.assert_allclose(values[1, 2], focal_frequency_loss(x[1, 2], y[1, 2]), rtol=1e-6)
    np.testing.assert_allclose(jax.jit(jax.vmap(jax.vmap(focal_frequency_loss)))(x, y), values, rtol=1e-6)
    half = jnp.asarray(x).astype(jnp.float16)
    assert focal_frequency_loss(half, half).dtype == jnp.float32
    traced = jax.jit(lambda alpha: jaxloss.focal_frequency_loss(x, y, alpha=alpha))(jnp.float32(0.5))
    np.testing.assert_allclose(traced, focal_frequency_loss(x, y, alpha=0.5), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": -1.0}, "expected alpha >= 0, got -1"),
        ({"patch_factor": 5}, "expected patch_factor >= 1 that divides 6 and 8, got 5"),
        ({"patch_factor": 0}, "expected patch_factor >= 1 that divides 6 and 8, got 0"),
        ({"normalize": "batch"}, r"expected normalize one of \['image', 'spectrum'\], got 'batch'"),
    ],
)
def test_errors(options: dict[str, Any], words: str) -> None:
    image = jnp.zeros((6, 8, 3))
    with pytest.raises(ValueError, match=f"focal_frequency_loss: {words}"):
        jaxloss.focal_frequency_loss(image, image, **options)
