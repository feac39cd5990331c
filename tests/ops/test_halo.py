"""One image in strips over eight devices scores as it does whole, with its gradient, at the cost of a halo."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import jaxloss
from jaxloss.ops import exchange_halo, mean_over_strips
from jaxloss.registry import METRICS
from tests.contract.cases import example, params_of
from tests.devices import collectives


Function = Callable[..., Any]
ROWS, EVERYWHERE = PartitionSpec(None, "rows"), PartitionSpec()
HEIGHT = 64  # strips of 8 rows
SSIM: dict[str, Any] = {"data_range": 1.0, "window_size": 5}
MULTI_SIGMA: dict[str, Any] = {"data_range": 1.0, "window_size": 5, "sigmas": (0.5, 1.0)}


def mesh(axis_type: AxisType = AxisType.Auto) -> jax.sharding.Mesh:
    return jax.make_mesh((8,), ("rows",), axis_types=(axis_type,))


def over_devices(function: Function, out_specs: PartitionSpec = EVERYWHERE) -> Function:
    return jax.shard_map(function, mesh=mesh(), in_specs=ROWS, out_specs=out_specs)


def mean_of_windows(field: Function, size: int, **options: Any) -> Function:
    def score(x: Any, y: Any) -> jax.Array:
        x, y = (exchange_halo(z, axis_name="rows", below=size - 1) for z in (x, y))
        return mean_over_strips(field(x, y, **options), axis_name="rows", rows=HEIGHT - size + 1)

    return over_devices(score)


@over_devices
def gmsd_of_strips(x: Any, y: Any) -> jax.Array:
    x, y = (exchange_halo(z, axis_name="rows", above=2, below=2) for z in (x, y))
    field = jaxloss.gmsd_map(x, y, data_range=1.0)[..., 1:-1, :, :]  # without the row of the halo on either side
    rows = HEIGHT // 2
    mean = mean_over_strips(field, axis_name="rows", rows=rows)[..., None, None, None]
    count = rows * field.shape[-2]
    return (mean_over_strips((field - mean) ** 2, axis_name="rows", rows=rows) * count / (count - 1)) ** 0.5


def value_and_gradients(function: Function) -> Function:
    return jax.value_and_grad(lambda x, y: function(x, y).sum(), argnums=(0, 1))


@pytest.fixture(scope="module")
def pair(crop_photograph: Any) -> list[np.ndarray]:
    images = crop_photograph(2, HEIGHT, 33)
    return [images[1:], images[:1]]


RECIPES = {
    "ssim": (mean_of_windows(jaxloss.ssim_map, 5, **SSIM), lambda x, y: jaxloss.ssim(x, y, **SSIM), 1, 1),
    "multi_sigma_ssim": (
        mean_of_windows(jaxloss.multi_sigma_ssim_map, 5, **MULTI_SIGMA),
        lambda x, y: jaxloss.multi_sigma_ssim(x, y, **MULTI_SIGMA),
        1,
        1,
    ),
    "gmsd": (gmsd_of_strips, lambda x, y: jaxloss.gmsd(x, y, data_range=1.0), 2, 3),
}


@pytest.mark.parametrize("name", RECIPES)
def test_strips_score_as_the_whole_image(name: str, pair: list[np.ndarray]) -> None:
    strips, whole, sides, sums = RECIPES[name]
    arguments = jax.device_put(pair, NamedSharding(mesh(), ROWS))
    program = jax.jit(value_and_gradients(strips)).lower(*arguments).compile()
    score, gradients = program(*arguments)
    expected, expected_gradients = jax.jit(value_and_gradients(whole))(*pair)
    np.testing.assert_allclose(score, expected, rtol=1e-6, atol=1e-6)
    for found, gradient in zip(gradients, expected_gradients, strict=True):
        assert found.sharding.is_equivalent_to(arguments[0].sharding, 4)
        assert np.linalg.norm(found - np.asarray(gradient)) < 1e-5 * np.linalg.norm(gradient)
    # A halo of each image, and back again of its gradient; and the sums.
    assert Counter(collectives(program)) == {"collective-permute": 2 * 2 * sides, "all-reduce": sums}


def test_rows_of_the_neighbors() -> None:
    """Zeros beyond the border; the gradient of a sum counts the devices that see a row."""
    image = np.arange(1.0, 25, dtype=np.float32).reshape(1, 24, 1, 1)

    def extend(z: Any) -> jax.Array:
        return exchange_halo(z, axis_name="rows", above=2, below=1)

    strips = np.asarray(jax.jit(over_devices(extend, ROWS))(image)).reshape(8, 6)
    padded = np.pad(image.ravel(), (2, 1))
    np.testing.assert_array_equal(strips, [padded[3 * i : 3 * i + 6] for i in range(8)])
    seen = jax.jit(jax.grad(lambda z: over_devices(extend, ROWS)(z).sum()))(image).reshape(8, 3)
    np.testing.assert_array_equal(seen, [[1, 2, 2], *[[2, 2, 2]] * 6, [2, 1, 1]])


def test_mean_of_the_rows_that_count() -> None:
    values = np.random.default_rng(0).random((2, 16, 3, 2), np.float32)
    values[:, 11:] = np.nan

    @jax.jit
    @jax.value_and_grad
    def total(z: jax.Array) -> jax.Array:
        means = over_devices(lambda z: mean_over_strips(z, axis_name="rows", rows=11))(z)
        return (means * jnp.array([1.0, 2.0])).sum()

    value, gradient = total(values)
    means = values[:, :11].mean(axis=(1, 2, 3))
    np.testing.assert_allclose(value, means[0] + 2 * means[1], rtol=1e-6)
    expected = np.zeros_like(values)
    expected[:, :11] = np.array([1, 2])[:, None, None, None] / 66
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


BAD = {
    "above from 0 to 3, a strip's rows, got 4": lambda z: exchange_halo(z, axis_name="rows", above=4),
    "below from 0 to 3, a strip's rows, got -1": lambda z: exchange_halo(z, axis_name="rows", below=-1),
    "rows from 1 to 24, got 25": lambda z: mean_over_strips(z, axis_name="rows", rows=25),
}


@pytest.mark.parametrize("message", BAD)
def test_strips_that_are_too_low(message: str) -> None:
    image = jax.ShapeDtypeStruct((1, 24, 2, 1), jnp.float32)
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(over_devices(BAD[message]), image)


ALL = [pytest.param(name, marks=[] if name == "ssim" else pytest.mark.full) for name in METRICS]


@pytest.mark.parametrize("name", ALL)
def test_what_the_compiler_makes_of_rows_over_devices(name: str, pair: list[np.ndarray]) -> None:
    """Without halos: the right numbers, by many more messages."""
    row = METRICS[name]
    arguments = jax.device_put(pair, NamedSharding(mesh(), ROWS))
    params = params_of(row)
    program = jax.jit(example(row)).lower(*arguments, **params).compile()
    np.testing.assert_allclose(program(*arguments, **params), jax.jit(example(row))(*pair, **params), rtol=1e-5)
    if name == "ssim":
        assert Counter(collectives(program))["collective-permute"] > 10


def test_explicit_mesh_refuses_rows_over_devices(pair: list[np.ndarray]) -> None:
    """In JAX's words."""
    explicit = mesh(AxisType.Explicit)
    with jax.set_mesh(explicit), pytest.raises(ValueError, match="does not evenly divide"):
        jax.jit(example(METRICS["ssim"])).trace(*jax.device_put(pair, NamedSharding(explicit, ROWS)))
