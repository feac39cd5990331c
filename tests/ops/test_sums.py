import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.losses._structural import MixField
from jaxloss.metrics._multi_sigma_ssim import MultiSigmaField
from jaxloss.metrics._statistics import Constants, SSIMField, WeightedField, dissimilarity
from jaxloss.ops import _sums
from jaxloss.ops._filters import as_taps, filter_maps, gaussian_window
from jaxloss.ops._strips import SMALLEST_STRIP, STRIP_BYTES, fitting_height
from jaxloss.ops._sums import Field, sum_field
from tests.derivatives import check_derivatives


TAPS = (0.2, 0.5, 0.3)
WHOLE = 2**30  # rows of a strip


@dataclass(frozen=True)
class Covariance:
    """Not linear in the images nor in the parameter."""

    halo: int = 2

    def __call__(self, step: int, parameters: Any, *maps: jax.Array) -> jax.Array:
        x, y = maps
        mean, product = filter_maps([x, x * y], TAPS, TAPS, step=step)
        return (product - mean**2) * jnp.exp(parameters["gain"] * product)


@dataclass(frozen=True)
class Center:
    halo: int = 2

    def __call__(self, step: int, parameters: Any, *maps: jax.Array) -> jax.Array:
        return maps[0][:, 1:-1]


def total(strip_height: int | None, gain: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
    sums = sum_field(Covariance(), 2, {"gain": gain}, x, y, strip_height=strip_height)
    return (sums**2 * jnp.arange(1.0, 7.0).reshape(3, 2)).sum()


def scans(function: Callable, *arguments: Any) -> int:
    return str(jax.make_jaxpr(lambda *fresh: function(*fresh))(*arguments)).count("scan[")


def test_strips_sum_to_the_whole(rng: np.random.Generator) -> None:
    """Strips that fit, the first of which overlaps the second by much or little, nearly all rows, single rows."""
    images = rng.random((2, 3, 39 + 2, 10), np.float32)
    heights = 13, 19, 8, 38, 1

    @jax.jit
    def evaluate(*images: jax.Array) -> list[Any]:
        derivatives = jax.value_and_grad(total, argnums=(1, 2, 3))
        return [derivatives(height, 0.3, *images) for height in (WHOLE, *heights)]

    whole, *others = evaluate(*images)
    for strips in others:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5), strips, whole)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("height", [8, WHOLE])
def test_derivatives_of_both_modes_and_orders(rng: np.random.Generator, height: int) -> None:
    images, gain = rng.random((2, 3, 19, 6)), np.array(0.3)

    def strips(gain: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
        return total(height, gain, x, y)

    assert (scans(strips, gain, *images) > 0) == (height == 8)
    check_derivatives(strips, gain, *images, rng=rng)


_TAPS = as_taps(gaussian_window(5, 1.5))
_WINDOWS = (as_taps(gaussian_window(3, 0.8)), _TAPS)
_CONSTANTS = Constants(0.0001, 0.0009, 0.5)
FIELDS: dict[str, tuple[Field, Any]] = {
    "ssim": (SSIMField(_TAPS, dissimilarity), _CONSTANTS),
    "ssim under a mask": (WeightedField(SSIMField(_TAPS, dissimilarity)), _CONSTANTS),
    "multi-sigma": (MultiSigmaField(_WINDOWS, dissimilarity), _CONSTANTS),
    "mix": (MixField(_WINDOWS), (_CONSTANTS, 0.8, 1.0)),
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_the_metrics_in_strips(name: str, rng: np.random.Generator) -> None:
    field, parameters = FIELDS[name]
    maps = rng.random((3 if "mask" in name else 2, 2, 33, 21), np.float32)

    @jax.jit
    def evaluate(*maps: jax.Array) -> tuple[Any, Any]:
        def both(*maps: jax.Array, strip_height: int) -> jax.Array:
            return sum_field(field, 3, parameters, *maps, strip_height=strip_height).sum()

        derivatives = jax.value_and_grad(both, argnums=tuple(range(len(maps))))
        return derivatives(*maps, strip_height=9), derivatives(*maps, strip_height=WHOLE)

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-5), *evaluate(*maps))


def test_planes_of_a_tpu_sum_to_the_whole(rng: np.random.Generator) -> None:
    """What a TPU would compute, in strips and whole, on the device at hand."""
    field, parameters = FIELDS["ssim"]
    maps = [jnp.asarray(z) for z in rng.random((2, 2, 30, 21), np.float32)]

    @jax.jit
    def evaluate(*maps: jax.Array) -> list[Any]:
        piece = functools.partial(_sums.differentiate, field, 3, (0, 1))
        planes = [_sums.sum_planes(field, 3, height, (0, 1), parameters, *maps) for height in (7, 26)]
        return [_sums.sum_whole(piece, 3, parameters, *maps, apart=True), *planes]

    whole, *planes = evaluate(*maps)
    for result in planes:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), result, whole)


def test_strips_fit_the_cache() -> None:
    """Of a large image each map of a strip is a MiB, more or less; small images and low ones stay whole."""
    for shape in ((1, 20000, 300), (4, 50000, 90)):
        for platform, fast in STRIP_BYTES.items():
            height = fitting_height(jnp.broadcast_to(jnp.float32(0), shape), 10, platform)
            assert 0.5 * fast < 4 * shape[0] * height * shape[2] < 2 * fast
    assert fitting_height(jnp.zeros((1, 200, 300)), 10, "cpu") == 190
    assert fitting_height(jnp.zeros((1, 12, 3_000_000)), 10, "cpu") == 2
    assert fitting_height(jnp.zeros((1, 2 * SMALLEST_STRIP + 2, 3_000_000)), 2, "cpu") == SMALLEST_STRIP


def test_a_large_image_is_summed_in_strips() -> None:
    image = jax.ShapeDtypeStruct((3, 400, 2000), jnp.float32)
    assert scans(lambda x: total(None, jnp.float32(0.3), x, x), image) > 0
    assert scans(lambda x: total(None, jnp.float32(0.3), x[:, :40], x[:, :40]), image) == 0


def test_gradient_comes_with_the_value() -> None:
    """One loop, not a second one in the backward pass; and none over an image that is not differentiated."""
    x = jnp.ones((3, 40, 10))
    derivative = jax.value_and_grad(lambda x: total(8, jnp.float32(0.3), jnp.ones((3, 40, 10)), x))
    assert (jax.jit(derivative).lower(x).compile().as_text() or "").count(" while(") == 1


def test_each_row_counts_once() -> None:
    rows = np.arange(100, dtype=np.float32).reshape(1, 100, 1)
    value, gradient = jax.jit(jax.value_and_grad(lambda z: sum_field(Center(), 1, (), z, strip_height=9).sum()))(rows)
    assert value == sum(range(1, 99))
    assert gradient[0, :, 0].tolist() == [0.0, *[1.0] * 98, 0.0]


@dataclass(frozen=True)
class Mixing:
    """Wrong in different ways."""

    how: Callable[[jax.Array], jax.Array]
    halo: int = 0

    def __call__(self, step: int, parameters: Any, *maps: jax.Array) -> jax.Array:
        return self.how(maps[0])


def mean_of_channels(z: jax.Array) -> jax.Array:
    image = z.reshape(*z.shape[:2], -1, 3)
    return jnp.broadcast_to(image.mean(axis=-1, keepdims=True), image.shape).reshape(z.shape)


MIXING = {
    "mean of channels": mean_of_channels,
    "neighbors": lambda z: z + jnp.roll(z, 1, axis=2),
    "shifted": lambda z: jnp.concatenate([z[:, :, :1], z[:, :, :-1]], axis=2),
    "reversed": lambda z: z[:, :, ::-1],
    "matrix": lambda z: z @ jnp.ones((z.shape[2], z.shape[2])),
    "filter across": lambda z: filter_maps([z], (1.0,), (0.5, 0.5), step=1)[0],
    "columns at a number": lambda z: z - jax.lax.dynamic_slice_in_dim(z, jnp.int32(1), 1, axis=2),
    "on one platform": lambda z: jax.lax.platform_dependent(z, tpu=lambda z: z[:, :, ::-1], default=lambda z: z),
    "within another jit": jax.jit(lambda z: jnp.cumsum(z, axis=2)),
}


@pytest.mark.parametrize("name", MIXING)
def test_a_field_that_mixes_channels_is_refused(name: str) -> None:
    field = Mixing(MIXING[name])
    with pytest.raises(ValueError, match=r"^sum_field: expected a field of independent channels, got \w+ in Mixing"):
        jax.eval_shape(lambda z: sum_field(field, 3, (), z), jax.ShapeDtypeStruct((1, 4, 12), jnp.float32))
    if name != "filter across":
        alone = Mixing(lambda z: jnp.flip(z, axis=2))
        assert jax.eval_shape(lambda z: sum_field(alone, 1, (), z), jnp.zeros((1, 4, 12))).shape == (1, 1)


def test_a_second_call_finds_what_the_first_compiled(caplog: pytest.LogCaptureFixture) -> None:
    """Outside of any jit, in strips; other numbers are no other program."""
    x = jnp.ones((1, 40, 20))
    sum_field(Covariance(), 2, {"gain": 0.1}, x, x, strip_height=10)
    with jax.log_compiles():
        sum_field(Covariance(), 2, {"gain": 0.2}, x, x, strip_height=10)
        assert [record.getMessage() for record in caplog.records if "Compiling" in record.getMessage()] == []


def test_memory_does_not_grow_with_the_image() -> None:
    """Twice the rows, the same temporary memory, but for the images and the gradient themselves."""

    def temporary(height: int) -> int:
        z = jax.ShapeDtypeStruct((3, height, 2000), jnp.float32)
        derivative = jax.grad(lambda x, y: total(None, jnp.float32(0), x, y))
        analysis = jax.jit(derivative).lower(z, z).compile().memory_analysis()
        assert analysis is not None
        return analysis.temp_size_in_bytes

    image = 3 * 1000 * 2000 * 4
    assert temporary(2000) - temporary(1000) < 1.5 * image
