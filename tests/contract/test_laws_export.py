"""Every row of the registry, value and gradients, exports into one program for CPUs, NVIDIA and AMD GPUs, and TPUs.

A program that calls what belongs to a version of XLA or to one kind of device would be no program for all of them. And
what it multiplies says its precision.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.export import Exported

from jaxloss import ssim
from jaxloss.registry import Metric
from tests.contract.cases import abstract, abstract_params, every_row, example
from tests.products import PRODUCT, without_precision


PLATFORMS = ("cpu", "cuda", "tpu", "rocm")


def exported(function: Callable[..., Any], x: Any, y: Any, params: Any) -> Exported:
    """The scores of two batches and the gradients of each, for all platforms."""

    def value_and_gradients(x: Any, y: Any, params: Any) -> Any:
        scores, pull_back = jax.vjp(lambda x, y: function(x, y, **params), x, y)
        return scores, *pull_back(jnp.ones_like(scores))

    return jax.export.export(jax.jit(value_and_gradients), platforms=PLATFORMS)(x, y, params)


@functools.cache
def exported_row(row: Metric) -> Exported:
    """Of images in half precision and references in single."""
    return exported(example(row), abstract(row, 2, dtype=jnp.bfloat16), abstract(row, 2), abstract_params(row))


@every_row
def test_row_exports_for_all_platforms(row: Metric) -> None:
    program, image = exported_row(row), abstract(row, 2).shape
    assert program.platforms == PLATFORMS
    assert [out.shape for out in program.out_avals] == [(2,), image, image]
    text = program.mlir_module()
    assert "custom_call" not in text
    assert without_precision(PRODUCT.findall(text)) == []


@every_row
def test_gradients_have_the_dtype_of_their_image(row: Metric) -> None:
    assert [out.dtype for out in exported_row(row).out_avals] == [jnp.float32, jnp.bfloat16, jnp.float32]


def test_schedules_of_large_images_export_together() -> None:
    image = jax.ShapeDtypeStruct((1, 1080, 1920, 3), jnp.float32)
    text = exported(ssim, image, image, {"data_range": 1.0}).mlir_module()
    assert "custom_call" not in text
    assert "stablehlo.case" in text and "stablehlo.while" in text  # a branch for each kind of device, of strips too
