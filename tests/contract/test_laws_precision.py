"""Every product of matrices and every convolution says its precision, in what is compiled for accelerators too.

By default a TPU multiplies in bfloat16, and an NVIDIA GPU in TF32: scores and gradients would be off in silence. The
registry's rows are held to it where they are exported.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.registry import METRICS
from tests.contract.precision_cases import CASES, Case
from tests.contract.test_api import DOCUMENTED
from tests.products import ACCELERATORS, may_multiply, products, without_precision


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_products_say_their_precision(case: Case) -> None:
    found = products(case.evaluate, *case.arguments, platforms=(*ACCELERATORS, "cpu"))
    assert found != []
    assert without_precision(found) == []


def test_whatever_may_multiply_is_looked_at() -> None:
    """A public function that multiplies, or calls what does, is a row of the registry or has a case."""
    multiplying = {name for name, function in DOCUMENTED.items() if may_multiply(function)}
    looked_at = {function.__name__ for case in CASES.values() for function in case.functions}
    assert multiplying - looked_at <= METRICS.keys()
    assert looked_at <= multiplying
    assert {"lpips", "gram_matrix", "kmeans_trunk", "average_pool", "jpeg", "artifact_step"} <= multiplying
    assert not {"multi_sigma_ssim", "mse", "motion_blur", "simulate"} & multiplying


def doubled(x: Any) -> Any:
    return jnp.concatenate([x, x])


def squared(x: Any) -> Any:
    return doubled(x) @ doubled(x).T


TABLE = {"row": (functools.partial(jnp.einsum, "ij,jk->ik"), 3)}


@pytest.mark.parametrize(
    ("function", "multiplies"),
    [
        (lambda x: jnp.dot(x, x), True),
        (lambda x: (lambda y: squared(y))(x), True),
        (lambda x: TABLE["row"][0](x, x), True),
        (jax.jit(lambda x: jnp.linalg.inv(x)), True),
        (lambda x: doubled(x) * x, False),
        (lambda x: np.dot(x, x), False),
    ],
)
def test_products_would_be_seen(function: Callable[..., Any], multiplies: bool) -> None:
    assert may_multiply(function) == multiplies
