"""Every product of matrices and every convolution says its precision, in what is compiled for accelerators too.

By default a TPU multiplies in bfloat16, and an NVIDIA GPU in TF32: scores and gradients would be off in silence.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss.registry import Metric
from tests.contract.cases import abstract, abstract_params, every_row, example
from tests.products import products_without_precision


@every_row
def test_products_say_their_precision(row: Metric) -> None:
    def value_and_gradients(x: Any, y: Any, params: Any) -> Any:
        scores, pull_back = jax.vjp(lambda x, y: example(row)(x, y, **params), x, y)
        return scores, pull_back(jnp.ones_like(scores))

    image = abstract(row, 2)
    assert products_without_precision(value_and_gradients, image, image, abstract_params(row)) == []
