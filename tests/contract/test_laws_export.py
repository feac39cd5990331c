"""Every row of the registry, value and gradient, exports into one program for CPUs, NVIDIA and AMD GPUs, and TPUs.

A program that calls what belongs to a version of XLA or to one kind of device would be no program for all of them. And
what it multiplies says its precision.
"""

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


def exported(function: Callable[..., Any], image: jax.ShapeDtypeStruct, params: Any) -> Exported:
    """The scores of two batches and the gradient of each, for all platforms."""

    def value_and_gradient(x: Any, y: Any, params: Any) -> Any:
        scores, pull_back = jax.vjp(lambda x: function(x, y, **params), x)
        return scores, *pull_back(jnp.ones_like(scores))

    return jax.export.export(jax.jit(value_and_gradient), platforms=PLATFORMS)(image, image, params)


@every_row
def test_row_exports_for_all_platforms(row: Metric) -> None:
    image = abstract(row, 2)
    program = exported(example(row), image, abstract_params(row))
    assert program.platforms == PLATFORMS
    assert [out.shape for out in program.out_avals] == [(2,), image.shape]
    text = program.mlir_module()
    assert "custom_call" not in text
    assert without_precision(PRODUCT.findall(text)) == []


def test_schedules_of_large_images_export_together() -> None:
    image = jax.ShapeDtypeStruct((1, 1080, 1920, 3), jnp.float32)
    text = exported(ssim, image, {"data_range": 1.0}).mlir_module()
    assert "custom_call" not in text
    assert "stablehlo.case" in text and "stablehlo.while" in text  # a branch for each kind of device, of strips too
