import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops import to_float, to_unit


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_map_onto_the_unit_interval(dtype):
    top = np.iinfo(dtype).max
    values = to_float(np.array([0, top // 5, top], dtype))
    assert values.dtype == jnp.float32
    np.testing.assert_allclose(values, [0, 0.2, 1], rtol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_floats_pass_through(dtype):
    image = jnp.array([0.25, 7.0], dtype)
    assert to_float(image).dtype == dtype
    np.testing.assert_array_equal(to_float(image), image)


def test_masks_become_zero_and_one():
    np.testing.assert_array_equal(to_float(np.array([True, False])), [1, 0])


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint32, np.complex64])
def test_dtypes_without_a_convention_raise(dtype):
    with pytest.raises(TypeError, match="to_float: expected dtype uint8, uint16"):
        to_float(np.zeros(3, dtype))


def test_to_unit():
    np.testing.assert_array_equal(to_unit(jnp.array([-1.0, -0.5, 1.0])), [0, 0.25, 1])
    with pytest.raises(TypeError, match="to_float"):
        to_unit(np.zeros(3, np.uint8))
