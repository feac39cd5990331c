"""Both halves of a metric are the whole, and the network runs on each image in one of them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss._types import Image, Params, Scores
from jaxloss.evaluate._halves import first_half, second_half
from jaxloss.registry import METRICS
from tests.networks import thin_networks, tiny_params


def convolutions(function: Any, *arguments: Any) -> int:
    return jax.jit(function).lower(*arguments).as_text().count("stablehlo.convolution")


@pytest.mark.parametrize("name", ["lpips", "st_lpips", "dists"])
def test_networks(name: str, rng: np.random.Generator) -> None:
    row, params = METRICS[name], tiny_params(METRICS[name].params, short=True)
    x, y = jnp.asarray(rng.random((2, 2, 32, 32, 3), np.float32))

    def score(x: Image, y: Image, params: Params) -> dict[str, Scores]:
        return {"score": row.function(x, y, params=params, data_range=1.0)}

    def first(y: jax.Array, params: Params) -> list[jax.Array]:
        return first_half(score, jnp.zeros_like(x), y, params)

    def second(x: jax.Array, known: list[jax.Array], params: Params) -> dict[str, Scores]:
        return second_half(score, x, jnp.zeros_like(y), known, params)

    with thin_networks(short=True):
        known = jax.jit(first)(y, params)
        np.testing.assert_allclose(
            jax.jit(second)(x, known, params)["score"], jax.jit(score)(x, y, params)["score"], rtol=1e-6
        )
        count = convolutions(score, x, y, params)
        assert count > 0
        assert convolutions(first, y, params) == convolutions(second, x, known, params) == count / 2


def test_what_depends_on_nothing_or_is_handed_on() -> None:
    """Constants and other arguments are in both halves, and y itself may be needed; so may be neither image."""
    table = np.arange(3, dtype=np.float32)

    def function(x: Any, y: Any, other: Any) -> dict[str, Any]:
        return {
            "all": x * y + other["a"] * table[None, None],
            "of y": y.sum(),
            "of none": other["a"] + 1,
            "constant": 2.0,
        }

    x, y, a = (jnp.full((1, 1, 3), value) for value in (2.0, 5.0, 7.0))
    other = {"a": a}
    known = first_half(function, 0 * x, y, other)
    assert len(known) == 2
    expected, found = function(x, y, other), second_half(function, x, 0 * y, known, other)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)
