"""A blurred convolution is one convolution, of the numbers and derivatives of the two."""

import functools
from typing import Any

import jax
import numpy as np
import pytest

from jaxloss.backbones._blurring import BLUR, blur, blurred_convolution
from jaxloss.ops._convolution import convolution


LAYOUT: Any = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}


def in_two_steps(x: jax.Array, kernel: jax.Array, padding: Any) -> jax.Array:
    return blur(convolution(x, kernel, (1, 1), padding, **LAYOUT), BLUR)


def at_once(x: jax.Array, kernel: jax.Array, padding: Any) -> jax.Array:
    return blurred_convolution(x, kernel, (1, 1), padding, **LAYOUT)


@pytest.mark.parametrize(
    ("shape", "size", "margin"), [((13, 12), 7, 2), ((12, 13), 4, 1), ((11, 11), 11, 2), ((9, 6), 3, 0), ((4, 9), 3, 0)]
)
def test_values_and_derivatives(shape: tuple[int, int], size: int, margin: int, rng: np.random.Generator) -> None:
    """Of odd and even sides; and where there are too few windows for it."""
    x = rng.standard_normal((2, *shape, 3), np.float32)
    kernel = rng.standard_normal((size, size, 3, 5), np.float32)

    @functools.partial(jax.jit, static_argnums=2)
    def pulled_back(x: jax.Array, kernel: jax.Array, function: Any) -> Any:
        value, pull_back = jax.vjp(functools.partial(function, padding=((margin, margin),) * 2), x, kernel)
        return value, pull_back(jax.numpy.sin(value))

    found, expected = (pulled_back(x, kernel, function) for function in (at_once, in_two_steps))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * float(abs(b).max()))


def test_one_convolution_of_all_but_the_border() -> None:
    """Of a third of the products."""
    x, kernel = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32), jax.ShapeDtypeStruct((11, 11, 3, 8), np.float32)
    padding = ((2, 2), (2, 2))

    def operations(function: Any) -> float:
        analysis = jax.jit(functools.partial(function, padding=padding)).lower(x, kernel).compile().cost_analysis()
        assert analysis is not None
        return analysis["flops"]

    assert operations(at_once) < 0.6 * operations(in_two_steps)
