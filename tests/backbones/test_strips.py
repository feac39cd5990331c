"""Networks on strips of rows are those on whole images: where strips lie, features, derivatives, memory."""

import functools
from collections.abc import Iterator
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.backbones._features import BACKBONES, extract_features
from jaxloss.backbones._layers import Blur, Conv, Fire, Layer, Norm, Pool, Relu, Table
from jaxloss.backbones._strips import Stage, stages, strips_of
from tests.networks import random_params


# All layers that look at other rows; the first pooling leaves rows out, the second reaches beyond the image.
MIXED: Table = (
    Conv("conv1", 6, size=11, stride=4, padding=2), Relu("relu1"), Pool("pool1", 3, 2), Norm("norm1"),
    Fire("fire2", 4, 3), Pool("pool2", 3, 2, ceil=True), Conv("conv3", 6, size=5, padding=2, blurred=True),
    Blur("blur3"),
    Relu("end", 0.2),
)  # fmt: skip
ONES: Table = (
    Conv("conv1", 16), Relu("relu1"), Conv("conv2", 16), Relu("relu2"), Pool("pool2", 2, 2), Conv("end", 16),
)  # fmt: skip
SMALL = {"mixed": MIXED, "ones": ONES}
TAPS = {"mixed": ("relu1", "pool1", "end"), "ones": ("end",)}


def reach(layer: Layer, rows: range) -> range:
    """The rows that a layer needs for rows of its output."""
    match layer:
        case Conv(blurred=True):
            return reach(layer._replace(blurred=False), reach(Blur("", padding=2), rows))
        case Conv(_, _, size, stride, padding):
            return range(rows.start * stride - padding, (rows.stop - 1) * stride - padding + size)
        case Pool(_, size, stride):
            return range(rows.start * stride, (rows.stop - 1) * stride + size)
        case Blur():
            return range(rows.start * 2 - layer.padding, (rows.stop - 1) * 2 - layer.padding + 3)
        case Fire():
            return range(rows.start - 1, rows.stop + 1)
    return rows


def heights(layers: Table, size: int) -> dict[str, int]:
    found = {}
    for layer in layers:
        size = found[layer.name] = layer.output_size(size)
    return found


@pytest.mark.parametrize("strip_rows", [1, 16, 33, 200])
@pytest.mark.parametrize("net", [*BACKBONES, *SMALL])
def test_strips_see_what_they_need(net: str, strip_rows: int) -> None:
    """Of every output each row is some strip's own, and all that it depends on is seen, and falls on its place."""
    table: Table = BACKBONES[net]
    for size in range(70, 94):
        rows = size
        for stage in stages(table, (table[-1].name,)):
            check_strips(stage, rows, strip_rows)
            rows = list(heights(stage.layers, rows).values())[-1]


def check_strips(stage: Stage, size: int, strip_rows: int) -> None:
    strips, whole = strips_of(stage, size, strip_rows), heights(stage.layers, size)
    part = heights(stage.layers, strips.rows)
    for name, (rows, step) in strips.outputs.items():
        assert rows == whole[name]
        assert len(strips.starts) == 1 or -(-len(strips.starts) * strips.height // step) >= rows
        depth = [layer.name for layer in stage.layers].index(name)
        for i, start in enumerate(strips.starts):
            assert start % step == 0 and 0 <= start <= size - strips.rows
            own = range(i * strips.height // step, min((i + 1) * strips.height // step, rows))
            if own and len(strips.starts) > 1:
                assert start // step <= own.start and own.stop <= start // step + part[name]
                for layer in reversed(stage.layers[: depth + 1]):
                    own = reach(layer, own)
                assert max(own.start, 0) >= start and min(own.stop, size) <= start + strips.rows
        # The last one ends as the image does: nothing is cut off from it, nor left out.
        assert part[name] == rows - max(strips.starts) // step


@pytest.fixture(autouse=True)
def small_networks() -> Iterator[None]:
    with mock.patch.dict(BACKBONES, SMALL):
        yield


def energy(x: Any, params: Any, net: str, **options: Any) -> tuple[jax.Array, dict[str, jax.Array]]:
    features = extract_features(x, net=net, params=params, layers=TAPS[net], data_range=1.0, **options)
    return jnp.stack([(z**2).mean() for z in features.values()]).sum(), features


def test_features_and_gradients(rng: np.random.Generator) -> None:
    """Of image and parameters, in one program."""
    params, x = random_params(MIXED), rng.random((2, 91, 59, 3), np.float32)

    def slope(x: Any, params: Any, strip_rows: int | None) -> Any:
        return jax.value_and_grad(functools.partial(energy, net="mixed", strip_rows=strip_rows), (0, 1), True)(
            x, params
        )

    whole, strips = jax.jit(lambda x, params: (slope(x, params, None), slope(x, params, 2)))(x, params)
    for (path, a), b in zip(jax.tree.leaves_with_path(whole), jax.tree.leaves(strips), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5 * float(abs(a).max()), err_msg=str(path))
        assert float(abs(a).max()) > 0


@pytest.mark.full
def test_transforms(rng: np.random.Generator) -> None:
    """Derivatives of second order, forward over reverse, of what is mapped over images."""
    params = random_params(MIXED)
    x, direction = rng.random((2, 2, 91, 59, 3), np.float32)

    def curvature(strip_rows: int | None) -> jax.Array:
        gradient = jax.grad(lambda x: energy(x, params, "mixed", strip_rows=strip_rows)[0])
        return jax.jit(jax.vmap(lambda x, v: jax.jvp(gradient, (x,), (v,))[1]))(x, direction)

    expected = curvature(None)
    np.testing.assert_allclose(curvature(2), expected, atol=1e-5 * float(abs(expected).max()))


def test_memory() -> None:
    """Of a gradient: less than two of the four maps of features that all rows at once would hold."""
    params, x = random_params(SMALL["ones"]), jax.ShapeDtypeStruct((512, 16, 3), jnp.float32)
    slope = jax.jit(jax.grad(functools.partial(energy, net="ones", strip_rows=16), has_aux=True))
    memory = slope.lower(x, params).compile().memory_analysis()
    assert memory is not None and memory.temp_size_in_bytes < 2 * 4 * 512 * 16 * 16
