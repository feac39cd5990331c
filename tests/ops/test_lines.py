import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops._lines import ON_GPU, adjoint_p, energy_p, line_energy, product_p
from tests.derivatives import check_derivatives


LINES = ((1.0, ((0, 1), (0, 2))), (2.0, ((1, 0), (2, -1))), (0.5, ((1, 1),)))


def expected(z: np.ndarray) -> np.ndarray:
    """By the definition, point by point."""
    padded, (_, _, height, width) = np.pad(z, ((0, 0), (0, 0), (2, 2), (2, 2))), z.shape
    total = np.zeros_like(z)
    for weight, line in LINES:
        points = [(0, 0), *line, *((-i, -j) for i, j in line)]
        along = [padded[..., 2 + i : 2 + i + height, 2 + j : 2 + j + width] for i, j in points]
        total += weight * np.sum(along, axis=0) ** 2
    return total.sum(axis=0)


def test_is_the_sum_over_lines(rng: np.random.Generator) -> None:
    """Called outside of jit, inside, and under a map."""
    z = rng.random((2, 3, 5, 6), np.float32)
    for found in (line_energy(jnp.asarray(z), LINES), jax.jit(line_energy, static_argnums=1)(z, LINES)):
        np.testing.assert_allclose(found, expected(z), rtol=1e-6)
    mapped = jax.vmap(lambda z: line_energy(z, LINES), in_axes=3, out_axes=2)(np.stack([z, 2 * z], axis=3))
    np.testing.assert_allclose(mapped, np.stack([expected(z), expected(2 * z)], axis=2), rtol=1e-6)


@pytest.mark.usefixtures("float64")
def test_derivatives_of_every_kind(rng: np.random.Generator) -> None:
    z, weights = rng.random((2, 2, 2, 5, 6))
    check_derivatives(lambda z: (weights[0] * line_energy(z, LINES)).sum(), z, rng=rng)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("primitive", [energy_p, product_p, adjoint_p], ids=str)
def test_maps_at_once_as_on_a_gpu(primitive, rng: np.random.Generator) -> None:
    a, b = rng.random((2, 2, 3, 5, 6))
    operands = {energy_p: (a,), product_p: (a, b), adjoint_p: (a, b[:1])}[primitive]
    forms = functools.partial(ON_GPU[primitive], lines=LINES), functools.partial(primitive.bind, lines=LINES)
    at_once, one_by_one = (jax.jit(form)(*operands) for form in forms)
    np.testing.assert_allclose(at_once, one_by_one, rtol=1e-12)
