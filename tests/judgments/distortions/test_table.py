"""Every row of the table: nothing at strength 0, more with more strength, within the range, the same by key."""

import functools
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss._types import Array
from jaxloss.judgments.distortions import DISTORTIONS, Distortion, distort, distort_in_turn
from tests.photographs import crop_sample


STRENGTHS = (0.0, 0.1, 0.4, 1.0)
KEYS = jax.random.key(0), jax.random.key(11)  # of which one makes brighter, and the other darker
# Each function once, since rows that share it differ in parameters only; first those that divide, loop and look up.
FUNCTIONS = list({row.function: name for name, row in DISTORTIONS.items()}.values())
INTRICATE = ["gaussian_blur", "motion_blur", "bilateral_blur", "homography"]
PLAIN = [name for name in FUNCTIONS if name not in INTRICATE]
# Without anything random, or with a direction alone that the errors hardly depend on.
CERTAIN = {"gaussian_blur", "bilateral_blur", "chromatic_aberration", "jpeg", "quantization"}


class Derived(NamedTuple):
    """A distorted image, and how a weighted sum of its pixels changes."""

    image: Array
    by_pixels: Array
    by_strength: Array


def distort_some(names: Collection[str], key: Array, x: Array, strength: Array) -> dict[str, Array]:
    return {name: distort(key, x, name=name, strength=strength) for name in names}


def derive_some(names: Collection[str], key: Array, x: Array, strength: Array) -> dict[str, Derived]:
    weights = jnp.asarray(np.random.default_rng(0).standard_normal(x.shape), x.dtype)

    def weigh(x: Array, strength: Array, name: str) -> tuple[Array, Array]:
        image = distort(key, x, name=name, strength=strength)
        return (weights * image).sum(), image

    take = jax.value_and_grad(weigh, (0, 1), has_aux=True)
    results = {name: take(x, strength, name) for name in names}
    return {name: Derived(image, *derivatives) for name, ((_, image), derivatives) in results.items()}


def loop(function: Callable[..., Any], names: Collection[str], x: np.ndarray) -> list[list[dict[str, Any]]]:
    """By key and strength."""
    program = jax.jit(functools.partial(function, names))
    return [[jax.device_get(program(key, x, jnp.float32(strength))) for strength in STRENGTHS] for key in KEYS]


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return crop_sample(3, 16, 18)[1]


@pytest.fixture(scope="module")
def images(x: np.ndarray) -> dict[str, np.ndarray]:
    """By name: `[keys, strengths, H, W, C]`."""
    plain, derived = loop(distort_some, DISTORTIONS.keys() - INTRICATE, x), loop(derive_some, INTRICATE, x)
    check_derivatives(derived)
    results = {name: np.stack([[at[name] for at in along] for along in plain]) for name in plain[0][0]}
    return results | {name: np.stack([[at[name].image for at in along] for along in derived]) for name in INTRICATE}


def check_derivatives(results: list[list[dict[str, Derived]]]) -> None:
    for along in results:
        for name in along[0]:
            by_pixels, by_strength = (np.stack([at[name][part] for at in along]) for part in (1, 2))
            assert np.isfinite(by_pixels).all() and np.isfinite(by_strength).all(), name
            assert (np.abs(by_pixels).max((1, 2, 3)) > 0).all(), name
            assert by_strength[0] == 0, name
            assert by_strength[2] != 0 or name in ("impulse_noise", "quantization"), name  # which change in jumps


@pytest.mark.parametrize("name", DISTORTIONS)
def test_row(name: str, x: np.ndarray, images: dict[str, np.ndarray]) -> None:
    found = images[name]
    assert found.dtype == np.float32 and 0 <= found.min() <= found.max() <= 1
    for along in found:
        np.testing.assert_array_equal(along[0], x)
        errors = np.abs(along - x).mean((1, 2, 3))
        assert (np.diff(errors) > 0).all() and errors[1] < 0.1, errors
    assert np.array_equal(found[0], found[1]) == (name in CERTAIN)


@pytest.mark.full
def test_plain_functions_have_finite_derivatives_too(x: np.ndarray) -> None:
    check_derivatives(loop(derive_some, PLAIN, x))


def test_vmap_is_a_loop(x: np.ndarray, images: dict[str, np.ndarray]) -> None:
    """Over keys and strengths, for rows that draw, loop and look up."""
    some = functools.partial(distort_some, ("impulse_noise", "motion_blur", "homography"))
    mapped = jax.vmap(jax.vmap(some, (None, None, 0)), (0, None, None))
    for name, image in jax.jit(mapped)(jnp.stack(KEYS), x, jnp.asarray(STRENGTHS)).items():
        np.testing.assert_allclose(image, images[name], atol=1e-5, err_msg=name)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", DISTORTIONS)
def test_double_precision_and_leading_axes(name: str) -> None:
    x = jax.ShapeDtypeStruct((2, 1, 9, 8, 3), jnp.float64)
    out = jax.eval_shape(lambda x: distort(KEYS[0], x, name=name, strength=0.5), x)
    assert (out.shape, out.dtype) == (x.shape, x.dtype)


def test_half_precision_becomes_single() -> None:
    x = jax.ShapeDtypeStruct((9, 8, 3), jnp.bfloat16)
    assert jax.eval_shape(lambda x: distort(KEYS[0], x, name="shift", strength=0.5), x).dtype == jnp.float32


@pytest.fixture
def own_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def fade(x: Array, *, amount: Array) -> Array:
        return (1 - amount) * x

    def lift_at_random(key: Array, x: Array, *, most: Array) -> Array:
        return x + most * jax.random.uniform(key)

    rows = {
        "fade": Distortion(fade, "photometric", lambda key, strength: {"amount": strength}),
        "lift": Distortion(lift_at_random, "photometric", lambda key, strength: {"most": strength / 2}),
    }
    for name, row in rows.items():
        monkeypatch.setitem(DISTORTIONS, name, row)


@pytest.mark.usefixtures("own_rows")
def test_rows_of_ones_own_in_turn() -> None:
    """Each takes what the last one has left."""
    x = np.full((1, 1, 1), 0.5, np.float32)
    assert distort(KEYS[0], x, name="fade", strength=0.25).item() == 0.375
    lifted = distort(KEYS[0], x, name="lift", strength=0.5).item()
    assert 0.5 < lifted < 0.75
    faded_last = distort_in_turn(KEYS[0], x, names=("lift", "fade"), strengths=(0.5, 1.0))
    faded_first = distort_in_turn(KEYS[0], x, names=("fade", "lift"), strengths=jnp.array([1.0, 0.5]))
    assert faded_last.item() == 0 and 0 < faded_first.item() < 0.25
    twice = distort_in_turn(KEYS[0], x, names=("lift", "lift"), strengths=(0.5, 0.5)).item()
    assert twice - 0.5 != pytest.approx(2 * (lifted - 0.5), rel=1e-3)  # each with a key of its own


@pytest.mark.parametrize(
    ("name", "strength", "message"),
    [
        ("jpg", 0.5, "a key of DISTORTIONS, got 'jpg'. Did you mean 'jpeg'?"),
        ("jpeg", 1.5, r"strength in \[0, 1\], got 1.5"),
        ("jpeg", -0.1, r"strength in \[0, 1\], got -0.1"),
        ("color_shift", 0.5, r"color_shift: expected 3 channels \(RGB\)"),
    ],
)
def test_mistakes(name: str, strength: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(lambda x: distort(KEYS[0], x, name=name, strength=strength), np.ones((8, 8, 1), np.float32))


def test_mistakes_of_sequences() -> None:
    with pytest.raises(ValueError, match="expected 2 strengths, got 1"):
        distort_in_turn(KEYS[0], np.ones((8, 8, 1), np.float32), names=("jpeg", "shift"), strengths=(0.5,))
    with pytest.raises(TypeError, match="floating dtype, got uint8"):
        distort_in_turn(KEYS[0], np.ones((8, 8, 1), np.uint8), names=(), strengths=())
