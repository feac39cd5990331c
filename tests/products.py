"""What a function multiplies on accelerators, and in which precision: read off programs lowered without a device."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax


ACCELERATORS = ("cuda", "tpu")
PRODUCT = re.compile(r"stablehlo\.(?:convolution|dot_general|dot)\b.*")
# Of both operands: `#stablehlo<precision HIGHEST>` of a convolution, `precision = [HIGHEST, HIGHEST]` of a product.
FULL = re.compile(r"precision HIGHEST>, #stablehlo<precision HIGHEST>|precision = \[HIGHEST, HIGHEST\]")


def products(function: Callable[..., Any], *arguments: Any, platforms: Sequence[str] = ACCELERATORS) -> list[str]:
    """The convolutions and products of matrices of `function(*arguments)`, lines of StableHLO.

    Arguments are arrays or `jax.ShapeDtypeStruct`, in any tree; the function may be jitted.
    """
    traced = jax.jit(function).trace(*arguments)
    programs = [traced.lower(lowering_platforms=(platform,)).as_text() for platform in platforms]
    return [found for program in programs for found in PRODUCT.findall(program)]


def products_without_precision(
    function: Callable[..., Any], *arguments: Any, platforms: Sequence[str] = ACCELERATORS
) -> list[str]:
    """Those of them that an accelerator would round: a TPU to bfloat16, an NVIDIA GPU to TF32."""
    return [line for line in products(function, *arguments, platforms=platforms) if not FULL.search(line)]
