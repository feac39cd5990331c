"""What LPIPS compares: in strips of rows as in whole images, and in single precision."""

import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.backbones._features import BACKBONES
from jaxloss.backbones._layers import Conv, Pool, Relu
from jaxloss.backbones._lpips_nets import LPIPS_NETS, LPIPSNet
from tests.networks import random_params, through_thin_networks, tiny_params


def test_strips(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of rows, under a mask: layers, map, kept features, gradients of images and heads. Of a network of two stages."""
    two_stages = (Conv("conv1", 8), Relu("relu1"), Pool("pool1", 2, 2), Conv("conv2", 6), Relu("relu2"))
    preprocessing = tiny_params("lpips-alex")["preprocessing"]
    monkeypatch.setitem(BACKBONES, "alexnet", two_stages)
    monkeypatch.setitem(LPIPS_NETS, "alex", LPIPSNet("alexnet", ("relu1", "relu2")))
    heads = {"relu1": rng.random(8, np.float32), "relu2": rng.random(6, np.float32)}
    params = {"trunk": random_params(two_stages), "preprocessing": preprocessing}
    x, y = rng.random((2, 2, 41, 12, 3), np.float32)
    mask = np.ones((2, 41, 12), np.float32)
    mask[:, 12:30, 4:] = 0

    def everything(x: jax.Array, y: jax.Array, heads: Any, **options: Any) -> Any:
        images: dict[str, Any] = dict(params={**params, "heads": heads}, data_range=1.0, mask=mask, **options)
        kept = jaxloss.lpips_features(y, **images)
        maps = jaxloss.lpips_map(x, y, weighting="none", **images)
        return maps, kept, jaxloss.lpips_components(x, y, **images)

    def slope(x: jax.Array, y: jax.Array, heads: Any, **options: Any) -> Any:
        def total(*arguments: Any) -> tuple[jax.Array, Any]:
            found = everything(*arguments, **options)
            return jnp.stack([z.sum() for z in found[-1].values()]).sum(), found

        return jax.value_and_grad(total, (0, 1, 2), has_aux=True)(x, y, heads)

    both = jax.jit(lambda *arguments: (slope(*arguments), slope(*arguments, strip_rows=8)))
    whole, strips = both(x, y, heads)
    for (path, a), b in zip(jax.tree.leaves_with_path(whole), jax.tree.leaves(strips), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5 * float(abs(a).max()), err_msg=str(path))


def test_distances_are_in_single_precision() -> None:
    """Whatever the precision of the network is: no sum over its channels or positions is of bfloat16."""
    params, image = tiny_params("lpips-alex"), jax.ShapeDtypeStruct((40, 48, 3), jnp.float32)
    options: dict[str, Any] = dict(params=params, data_range=1.0, dtype=jnp.bfloat16)
    run = functools.partial(through_thin_networks(jaxloss.lpips), **options)
    program = jax.jit(run).lower(image, image).as_text()
    convolutions = re.findall(r"stablehlo.convolution.*", program)
    sums = re.findall(r"stablehlo.reduce\(.*stablehlo.add.*", program)
    assert len(convolutions) == 10 and all("bf16" in line for line in convolutions)
    assert len(sums) > 10 and not any("bf16" in line for line in sums)
