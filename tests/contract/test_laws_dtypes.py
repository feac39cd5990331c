"""Laws of the dtypes, read off the types and the traced programs: nothing is compiled.

That gradients have the dtype of their image is read off the programs that are exported.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.registry import Metric
from tests.contract.cases import abstract, abstract_params, every_ranged_row, every_row, example


def trace(row: Metric, *images: jax.ShapeDtypeStruct, convert: bool = False) -> str:
    """The program of a score; with `convert`, of one whose images are made float32 first."""

    def score(x: Any, y: Any, params: Any) -> Any:
        images = (z.astype(jnp.float32) if convert else z for z in (x, y))
        return example(row)(*images, **params)

    return str(jax.make_jaxpr(score)(*images, abstract_params(row)))


@every_row
def test_half_precision_is_computed_in_float32(row: Metric) -> None:
    """The same program as that of the images in float32, in either half precision; and they need not agree in it."""
    images = abstract(row, dtype=jnp.bfloat16), abstract(row, dtype=jnp.float16)
    assert trace(row, *images) == trace(row, *images, convert=True)


@every_row
@pytest.mark.usefixtures("float64")
def test_double_precision_is_kept(row: Metric) -> None:
    """Where one image has it."""
    images = abstract(row), abstract(row, dtype=np.float64)
    score = jax.eval_shape(lambda x, y, params: example(row)(x, y, **params), *images, abstract_params(row))
    assert score.dtype == np.float64


@every_ranged_row
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.int32], ids=["float16", "int32"])
def test_traced_data_range_takes_the_dtype_of_the_images(row: Metric, dtype: Any) -> None:
    score = jax.eval_shape(
        lambda x, d, params: example(row)(x, x, **{**params, "data_range": d}),
        abstract(row),
        jax.ShapeDtypeStruct((), dtype),
        abstract_params(row),
    )
    assert (score.shape, score.dtype) == ((), np.float32)
