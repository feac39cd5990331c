import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec as P
from jax.test_util import check_grads
from scipy import ndimage

from jaxloss.ops import gaussian_window, separable_filter, uniform_window
from jaxloss.ops._filters import filter_maps, on_gpu, repeat_edges, separable_filter_p


ROWS, COLUMNS = [0.1, 0.5, -0.2, 0.3], [0.7, -0.4, 0.2]


def correlate(image: np.ndarray, rows, columns, mode: str) -> np.ndarray:
    """SciPy's correlation; its origin puts the longer half of an even window behind the pixel, as here."""
    for axis, taps in ((-3, rows), (-2, columns)):
        origin = -1 if len(taps) % 2 == 0 else 0
        image = ndimage.correlate1d(image, taps, axis=axis, mode=mode, origin=origin)
    return image


@pytest.mark.parametrize(("border", "mode"), [("reflect", "mirror"), ("zero", "constant")])
@pytest.mark.parametrize("shape", [(9, 11, 3), (2, 8, 7, 1), (2, 3, 6, 5, 2)])
def test_filter_equals_scipy(rng, border, mode, shape):
    image = rng.random(shape)
    expected = correlate(image, ROWS, COLUMNS, mode)
    found = jax.jit(lambda z: separable_filter(z, ROWS, COLUMNS, border=border))(np.float32(image))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_valid_border_is_the_inside_of_the_others(rng):
    image = jnp.float32(rng.random((9, 11, 3)))
    valid = separable_filter(image, ROWS, COLUMNS)
    assert valid.shape == (6, 9, 3)
    np.testing.assert_allclose(valid, separable_filter(image, ROWS, COLUMNS, border="zero")[1:-2, 1:-1], atol=1e-6)


def test_windows():
    np.testing.assert_allclose(gaussian_window(11, 1.5)[5] / gaussian_window(11, 1.5)[2], np.exp(9 / 4.5))
    assert gaussian_window(8, 2.0).sum() == pytest.approx(1, abs=1e-15)
    np.testing.assert_array_equal(gaussian_window(8, 2.0), gaussian_window(8, 2.0)[::-1])
    np.testing.assert_array_equal(uniform_window(5), [0.2] * 5)


@pytest.mark.parametrize(
    "call", [lambda: gaussian_window(0, 1.0), lambda: gaussian_window(3, 0.0), lambda: uniform_window(0)]
)
def test_impossible_windows_raise(call):
    with pytest.raises(ValueError, match=r"expected (size >= 1|sigma > 0)"):
        call()


@pytest.mark.usefixtures("float64")
def test_adjoint_is_exact(rng):
    x, y = jnp.asarray(rng.random((2, 9, 24))), jnp.asarray(rng.random((2, 6, 18)))
    forward = functools.partial(filter_maps, rows=tuple(ROWS), columns=tuple(COLUMNS), step=3)
    (filtered,) = forward([x])
    (back,) = jax.linear_transpose(lambda z: forward([z]), x)([y])
    np.testing.assert_allclose((filtered * y).sum(), (x * back).sum(), rtol=1e-13)
    (twice,) = jax.linear_transpose(lambda z: jax.linear_transpose(lambda x: forward([x]), x)([z]), y)((x,))
    np.testing.assert_allclose(twice, filtered, rtol=1e-12, atol=1e-14)


FORMS = on_gpu, separable_filter_p.bind


@pytest.mark.parametrize("rows", [ROWS, [0.1, 0.0, 0.3, -0.2, 0.4, 0.2, 0.1, 0.5, 0.2], [0.0, 0.0]])
def test_the_forms_for_gpus_are_the_same_filter(rng: np.random.Generator, rows: list[float]) -> None:
    """Small windows in one pass, large ones in two."""
    maps = rng.random((2, 3, 9, 24), np.float32)

    @jax.jit
    def both_forms(*maps: jax.Array) -> list[list[jax.Array]]:
        forms = [functools.partial(form, rows=tuple(rows), columns=tuple(COLUMNS), step=3) for form in FORMS]
        return [form(*maps, full=full) for full in (False, True) for form in forms]

    inside, expected, around, expected_around = both_forms(*maps)
    np.testing.assert_allclose(inside, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(around, expected_around, rtol=1e-6, atol=1e-6)


def energy(image: jax.Array) -> jax.Array:
    return (separable_filter(image, ROWS, COLUMNS) ** 3).sum(axis=(-3, -2, -1))


@pytest.mark.usefixtures("float64")
def test_derivatives_of_every_order_and_mode(rng):
    check_grads(energy, (jnp.asarray(rng.random((6, 5, 2))),), order=3, modes=["fwd", "rev"])


def sharded(f):
    mesh = jax.make_mesh((8,), ("batch",), axis_types=(AxisType.Auto,))
    return jax.jit(jax.shard_map(f, mesh=mesh, in_specs=P("batch"), out_specs=P("batch")))


TRANSFORMS = {
    "jit": jax.jit,
    "remat": jax.checkpoint,
    "vmap": jax.vmap,
    "vmap of the second axis": lambda f: lambda x: jax.vmap(f, in_axes=1)(jnp.moveaxis(x, 0, 1)),
    "nested vmap": lambda f: lambda x: jax.vmap(jax.vmap(f))(x[:, None])[:, 0],
    "pmap": jax.pmap,
    "scan": lambda f: lambda x: jax.lax.scan(lambda carry, image: (carry, f(image)), 0, x)[1],
    "shard_map": sharded,
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transformations_change_nothing(rng, name):
    images = jnp.float32(rng.random((8, 7, 6, 3)))
    np.testing.assert_allclose(TRANSFORMS[name](energy)(images), energy(images), rtol=1e-5)


def test_unmapped_maps_are_filtered_once(rng):
    x, y = jnp.float32(rng.random((3, 1, 9, 9))), jnp.float32(rng.random((1, 9, 9)))
    both = jax.vmap(lambda x: filter_maps([x, y], tuple(ROWS), tuple(ROWS), step=1))
    jaxpr = jax.make_jaxpr(both)(x)
    shapes = [[v.aval.shape for v in e.invars] for e in jaxpr.eqns if e.primitive.name == "separable_filter"]
    assert sorted(shapes) == [[(1, 9, 9)], [(3, 9, 9)]]
    np.testing.assert_allclose(both(x)[1][0], filter_maps([y], tuple(ROWS), tuple(ROWS), step=1)[0], rtol=1e-6)


def test_derivative_with_respect_to_one_map_filters_one_map(rng):
    x, y = jnp.float32(rng.random((2, 1, 9, 9)))

    def loss(x: jax.Array) -> jax.Array:
        first, second = filter_maps([x, y], tuple(ROWS), tuple(ROWS), step=1)
        return (first**2).sum() + (second**2).sum()

    full = [e for e in jax.make_jaxpr(jax.grad(loss))(x).eqns if e.params.get("full")]
    assert [len(e.invars) for e in full] == [1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(image=jnp.zeros((3, 9, 1)), window=ROWS), "at least 4 x 4 pixels for the window"),
        (dict(image=jnp.zeros((9, 9, 1)), window=ROWS, border="same"), "border one of"),
        (dict(image=jnp.zeros((9, 9)), window=ROWS), r"shape \[..., H, W, C\]"),
    ],
)
def test_bad_input_raises(arguments, message):
    with pytest.raises(ValueError, match=message):
        separable_filter(**arguments)


def test_integer_images_raise():
    with pytest.raises(TypeError, match="to_float"):
        separable_filter(jnp.zeros((9, 9, 1), jnp.uint8), ROWS)


def test_edges_are_repeated_as_by_numpy(rng: np.random.Generator) -> None:
    maps, margins = rng.random((2, 3, 4), np.float32), ((2, 0), (1, 3))
    np.testing.assert_array_equal(repeat_edges(jnp.asarray(maps), *margins), np.pad(maps, ((0, 0), *margins), "edge"))
    np.testing.assert_array_equal(repeat_edges(jnp.asarray(maps), (0, 0), (0, 0)), maps)
