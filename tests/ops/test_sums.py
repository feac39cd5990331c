from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxloss.ops import _strips
from jaxloss.ops._filters import filter_maps
from jaxloss.ops._strips import sum_field


TAPS = (0.2, 0.5, 0.3)


@dataclass(frozen=True)
class Covariance:
    """Not linear in the images nor in the parameter."""

    channels: int = 2
    halo: int = 2

    def __call__(self, parameters: Any, *maps: jax.Array) -> jax.Array:
        x, y = maps
        mean, product = filter_maps([x, x * y], TAPS, TAPS, step=self.channels)
        return (product - mean**2) * jnp.exp(parameters["gain"] * product)


@dataclass(frozen=True)
class Center:
    channels: int = 1
    halo: int = 2

    def __call__(self, parameters: Any, *maps: jax.Array) -> jax.Array:
        return maps[0][:, 1:-1]


def total(gain: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
    sums = sum_field(Covariance(), {"gain": gain}, x, y)
    return (sums**2 * jnp.arange(1.0, 7.0).reshape(3, 2)).sum()


def scans(function: Callable, *arguments: Any) -> int:
    return str(jax.make_jaxpr(lambda *fresh: function(*fresh))(*arguments)).count("scan[")


@pytest.fixture(params=[19, 40, 41, 97])
def images(request: pytest.FixtureRequest, rng: np.random.Generator) -> tuple[jax.Array, ...]:
    return tuple(jnp.asarray(rng.random((3, request.param, 10)), jnp.float32) for _ in range(2))


@pytest.mark.parametrize("budget", [1, 2000, 4000])
def test_strips_sum_to_the_whole(monkeypatch: pytest.MonkeyPatch, images: tuple[jax.Array, ...], budget: int) -> None:
    derivatives = jax.value_and_grad(total, argnums=(0, 1, 2))
    gain = jnp.float32(0.3)
    whole = jax.jit(derivatives)(gain, *images)
    monkeypatch.setattr(_strips, "STRIP_BYTES", budget)
    # Strips of fewer rows than SMALLEST_STRIP are not made, so that the smallest image here stays whole.
    rows = images[0].shape[1] - 2
    assert scans(derivatives, gain, *images) > 0 or rows < 2 * _strips.SMALLEST_STRIP or budget > 1
    strips = jax.jit(lambda *arguments: derivatives(*arguments))(gain, *images)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5), strips, whole)


@pytest.mark.parametrize("budget", [1, 2**30])
def test_derivatives_of_both_modes_and_orders(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, budget: int
) -> None:
    monkeypatch.setattr(_strips, "STRIP_BYTES", budget)
    with jax.enable_x64(True):
        images = [jnp.asarray(rng.random((3, 29, 10))) for _ in range(2)]
        gain = jnp.asarray(0.3)
        assert (scans(total, gain, *images) > 0) == (budget == 1)
        check_grads(total, (gain, *images), order=2, modes=("fwd", "rev"), rtol=1e-4)


def test_gradient_comes_with_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """One loop, not a second one in the backward pass; and none over an image that is not differentiated."""
    monkeypatch.setattr(_strips, "STRIP_BYTES", 1)
    x = jnp.ones((3, 40, 10))
    one = jax.jit(jax.value_and_grad(total, argnums=1)).lower(jnp.float32(0.3), x, x).compile()
    assert (one.as_text() or "").count(" while(") == 1


def test_each_row_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_strips, "STRIP_BYTES", 1)
    rows = jnp.arange(100.0).reshape(1, 100, 1)
    assert sum_field(Center(), (), rows).item() == sum(range(1, 99))
    gradient = jax.grad(lambda z: sum_field(Center(), (), z).sum())(rows)
    assert gradient[0, :, 0].tolist() == [0.0, *[1.0] * 98, 0.0]


def test_a_second_call_finds_what_the_first_compiled(caplog: pytest.LogCaptureFixture) -> None:
    """Outside of any jit, an image in strips."""
    x = jnp.ones((1, 1000, 900))
    sum_field(Covariance(), {"gain": 0.1}, x, x)
    with jax.log_compiles():
        sum_field(Covariance(), {"gain": 0.2}, x, x)
        assert [record.getMessage() for record in caplog.records if "Compiling" in record.getMessage()] == []


def test_memory_does_not_grow_with_the_image() -> None:
    """Twice the rows, the same temporary memory, but for the images and the gradient themselves."""

    def temporary(height: int) -> int:
        z = jax.ShapeDtypeStruct((3, height, 2000), jnp.float32)
        analysis = jax.jit(jax.grad(total, argnums=1)).lower(jnp.float32(0), z, z).compile().memory_analysis()
        assert analysis is not None
        return analysis.temp_size_in_bytes

    image = 3 * 1000 * 2000 * 4
    assert temporary(2000) - temporary(1000) < 1.5 * image
