"""The Flax layer: the pure function with parameters of its own, imported when it is asked for."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

import jaxloss.backbones
from jaxloss.backbones import PartialConv
from jaxloss.ops import partial_conv


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("options", [{}, {"strides": 2, "padding": 1}, {"dilation": (1, 2), "multi_channel": True}])
def test_layer_is_the_function(options: dict[str, Any], rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 9, 10, 3), np.float32)
    mask = (rng.random(x.shape if "multi_channel" in options else x.shape[:-1]) < 0.5).astype(np.float32)
    layer = PartialConv(4, (3, 5), bias_init=linen.initializers.normal(), **options)

    @jax.jit
    def both(x: jax.Array, mask: jax.Array) -> Any:
        params: Any = layer.init(jax.random.key(0), x, mask)["params"]
        assert {name: z.shape for name, z in params.items()} == {"kernel": (3, 5, 3, 4), "bias": (4,)}
        expected = partial_conv(x, mask, params["kernel"], params["bias"], **options)
        return layer.apply({"params": params}, x, mask), expected

    result, expected = both(x, mask)
    jax.tree.map(np.testing.assert_array_equal, result, expected)


def test_without_mask_and_without_bias(rng: np.random.Generator) -> None:
    x = rng.standard_normal((9, 10, 3), np.float32)
    layer = PartialConv(4, 3, use_bias=False, param_dtype=jnp.bfloat16)

    @jax.jit
    def both(x: jax.Array) -> Any:
        params: Any = layer.init(jax.random.key(0), x)["params"]
        assert list(params) == ["kernel"] and params["kernel"].dtype == jnp.bfloat16
        return layer.apply({"params": params}, x), partial_conv(x, None, params["kernel"])[0]

    (output, updated), expected = both(x)
    assert output.dtype == jnp.float32 and updated.shape == (9, 10)
    np.testing.assert_array_equal(output, expected)


def test_layers_shrink_the_hole() -> None:
    """Three of them, each taking the mask of the one before; a hole of 5 x 5 is closed by two rings and a pixel."""

    class Encoder(linen.Module):
        @linen.compact
        def __call__(self, x: jax.Array, mask: jax.Array) -> list[jax.Array]:
            masks = [mask]
            for _ in range(3):
                x, mask = PartialConv(4, 3)(x, mask)
                x, masks = linen.relu(x), [*masks, mask]
            return masks

    mask = jnp.ones((11, 11)).at[3:8, 3:8].set(0)
    masks, _ = jax.jit(Encoder().init_with_output)(jax.random.key(0), jnp.ones((11, 11, 3)), mask)
    assert [int((1 - mask).sum()) for mask in masks] == [25, 9, 1, 0]


def test_flax_is_imported_when_the_layer_is() -> None:
    program = (
        "import sys, jaxloss.backbones as b; print('flax' in sys.modules); b.PartialConv; print('flax' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True).split() == ["False", "True"]


def test_other_names_are_missing() -> None:
    with pytest.raises(AttributeError, match=r"jaxloss\.backbones.*'Conv'"):
        jaxloss.backbones.__getattr__("Conv")
