"""A resampling matrix times lines, against the matrix product, and how it is computed."""

import jax
import numpy as np
import pytest

from jaxloss.ops._resample import LEAST, find_repetition, resample
from jaxloss.ops._resize import METHODS, resize_matrix


# Method, old and new size, scale if it is not their ratio; period, step and taps of what repeats, if it does.
REPEATING = [
    ("matlab_bilinear", 96, 48, None, (1, 2, [4])),
    ("matlab_bilinear", 96, 192, None, (2, 1, [2, 2])),
    ("torch_bicubic", 99, 66, None, (2, 3, [4, 4])),
    ("matlab_bicubic", 101, 51, 0.5, (1, 2, [8])),
    ("pil_box", 100, 25, None, (1, 4, [4])),
    ("pil_lanczos", 96, 128, None, None),  # every four new ones
    ("pil_lanczos", 96, 48, None, None),  # twelve taps
    ("pil_bilinear", 300, 111, None, None),
]


@pytest.mark.parametrize(("method", "size", "new", "scale", "expected"), REPEATING)
def test_equals_the_matrix_product(method, size, new, scale, expected, rng):
    """Along both axes; and its transpose, that by the transposed matrix."""
    matrix = resize_matrix(size, new, METHODS[method], scale=scale)
    found = find_repetition(matrix)
    assert expected == ((found.period, found.step, [len(z) for z in found.offsets]) if found else None)
    planes, cotangent = (rng.random(shape, np.float32) for shape in ((2, size, size), (2, new, new)))

    def both(planes):
        return resample(matrix, resample(matrix, planes, -2), -1)

    result, pull_back = jax.vjp(jax.jit(both), planes)
    np.testing.assert_allclose(result, matrix @ planes.astype(float) @ matrix.T, atol=2e-6)
    np.testing.assert_allclose(pull_back(cotangent)[0], matrix.T @ cotangent.astype(float) @ matrix, atol=4e-6)


def test_small_planes_are_one_product():
    """Which compiles in less time."""
    matrix = resize_matrix(LEAST - 2, (LEAST - 2) // 2, METHODS["matlab_bilinear"])
    program = jax.make_jaxpr(lambda z: resample(matrix, z, -1))(np.zeros((1, 4, LEAST - 2), np.float32))
    assert "dot_general" in str(program) and find_repetition(matrix)
