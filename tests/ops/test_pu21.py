import jax
import numpy as np
import pytest

from jaxloss.ops import pu21_decode, pu21_encode


encode, decode = (jax.jit(function, static_argnames="kind") for function in (pu21_encode, pu21_decode))

# Of pu21_encoder.m, for "banding_glare".
LIGHT = (0.005, 0.05, 0.5, 1, 5, 10, 100, 200, 1000, 4000, 10000)
ENCODED = (
    0, 2.935704, 22.208684, 36.543911, 91.529012, 123.647484, 256.383897, 302.774329, 420.096921, 527.493901, 595.39392,
)  # fmt: skip
ALL = {"banding_glare": 595.3939, "banding": 520.4673, "peaks": 380.9853, "peaks_glare": 407.5066}  # of 10000 cd/m2


def test_published_numbers():
    with jax.enable_x64(True):
        np.testing.assert_allclose(encode(np.asarray(LIGHT)), ENCODED, atol=5e-7)
    np.testing.assert_allclose(encode(np.asarray([0, 1e5], np.float32)), [0, ENCODED[-1]], rtol=1e-6)


@pytest.mark.parametrize(("kind", "brightest"), ALL.items())
def test_decoding_is_the_inverse(kind, brightest):
    light = np.geomspace(0.005, 10000, 50)
    with jax.enable_x64(True):
        encoded = encode(light, kind=kind)
        np.testing.assert_allclose(decode(encoded, kind=kind), light, rtol=1e-5)
    assert (np.diff(encoded) > 0).all() and np.isclose(encoded[-1], brightest, rtol=1e-6)
    single = encode(light.astype(np.float32), kind=kind)
    np.testing.assert_allclose(single, encoded, atol=2e-3)
    beyond = np.asarray([-1e3, -1, 1e3, 1e6], np.float32)
    np.testing.assert_allclose(decode(beyond, kind=kind), [0.005, 0.005, 1e4, 1e4], 1e-5)


@pytest.mark.parametrize("kind", ALL)
def test_slopes_are_finite_at_the_ends_and_beyond(kind):
    light = np.asarray([-1, 0, 0.006, 1, 1e4, 1e5], np.float32)
    slopes = np.asarray(jax.jit(jax.vmap(jax.grad(lambda light: pu21_encode(light, kind=kind))))(light))
    assert (slopes[2:5] > 0).all() and np.isfinite(slopes).all() and not slopes[[0, 1, 5]].any()
    encoded = np.asarray([-1, 0, 1, ALL[kind], 1e5], np.float32)
    slopes = np.asarray(jax.jit(jax.vmap(jax.grad(lambda value: pu21_decode(value, kind=kind))))(encoded))
    assert np.isfinite(slopes).all() and slopes[2] > 0


def test_unknown_kinds():
    for function in (pu21_encode, pu21_decode):
        with pytest.raises(ValueError, match=f"{function.__name__}: expected kind one of"):
            function(1.0, kind="glare")
