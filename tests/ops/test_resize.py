"""MATLAB's imresize to one half, against weights that are looked up one by one."""

import jax
import numpy as np
import pytest

from jaxloss.ops._resize import halve_bicubic
from tests.metrics import _natural_scenes as truth


@pytest.mark.parametrize("shape", [(8, 12), (11, 7)])
def test_halves_as_matlab(shape: tuple[int, int], rng: np.random.Generator) -> None:
    planes = rng.random((2, *shape), np.float32)
    halves = jax.jit(halve_bicubic)(planes[:, None])
    assert halves.shape == (2, 1, -(-shape[0] // 2), -(-shape[1] // 2))
    for found, plane in zip(halves[:, 0], planes, strict=True):
        np.testing.assert_allclose(found, truth.halve(plane.astype(np.float64)), atol=1e-6)
