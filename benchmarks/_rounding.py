"""Convolutions as tensor units compute them: operands rounded to few bits, sums in float32. Emulated, on any device."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxloss.backbones import _network
from jaxloss.ops import _partial_conv
from jaxloss.ops._convolution import convolution


Bilinear = Callable[[jax.Array, jax.Array], jax.Array]


class Rounding(NamedTuple):
    """Of operands: to a number of bits after the leading one. More parts hold what the rounding of the first leaves."""

    bits: int
    parts: int = 1  # 1 is one pass, 2 are three passes, 3 are six

    def split(self, x: jax.Array) -> list[jax.Array]:
        found = []
        for _ in range(self.parts):
            found.append(lax.reduce_precision(x, exponent_bits=8, mantissa_bits=self.bits))
            x = x - found[-1]
        return found

    def multiply(self, function: Bilinear, a: jax.Array, b: jax.Array) -> jax.Array:
        """A bilinear function of both: the sum over pairs of parts, without those that are small twice over."""
        pairs = ((p, q) for i, p in enumerate(self.split(a)) for q in self.split(b)[: self.parts - i])
        return functools.reduce(jnp.add, (function(*pair) for pair in pairs))


BFLOAT16, TF32 = Rounding(7), Rounding(10)
THREE_PASSES, SIX_PASSES = Rounding(7, 2), Rounding(7, 3)


def rounded(rounding: Rounding, function: Bilinear) -> Bilinear:
    """The function with rounded operands, and likewise the two products that its gradient is made of."""

    @jax.custom_vjp
    def product(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return rounding.multiply(function, x, kernel)

    def forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        return product(x, kernel), (x, kernel)

    def backward(operands: tuple[jax.Array, jax.Array], cotangent: jax.Array) -> tuple[jax.Array, jax.Array]:
        x, kernel = operands

        def by_x(cotangent: jax.Array, kernel: jax.Array) -> jax.Array:
            return jax.linear_transpose(lambda x: function(x, kernel), x)(cotangent)[0]

        def by_kernel(cotangent: jax.Array, x: jax.Array) -> jax.Array:
            return jax.linear_transpose(lambda kernel: function(x, kernel), kernel)(cotangent)[0]

        return rounding.multiply(by_x, cotangent, kernel), rounding.multiply(by_kernel, cotangent, x)

    product.defvjp(forward, backward)
    return product


@contextmanager
def rounded_convolutions(rounding: Rounding) -> Iterator[None]:
    """All convolutions of the package round their operands, in programs that are traced meanwhile."""

    def convolve(x: jax.Array, kernel: jax.Array, *geometry: Any, **options: Any) -> jax.Array:
        return rounded(rounding, lambda x, kernel: convolution(x, kernel, *geometry, **options))(x, kernel)

    layers = functools.partial(nn.Conv, conv_general_dilated=convolve)
    with mock.patch.object(_network, "convolve", layers), mock.patch.object(_partial_conv, "convolution", convolve):
        yield
