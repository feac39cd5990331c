"""Each kind of row against slow NumPy, and sizes of the whole network, whose numbers are compared in tests/parity."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.backbones._inception import (
    DIMENSIONS,
    INCEPTION,
    Branches,
    Chain,
    MaxPool,
    MeanPool,
    Row,
    Unit,
    kernel_shapes,
)
from jaxloss.backbones._inception_network import Inception
from jaxloss.weights._tensors import nest


SMALL: Chain = (
    Unit("first", 4, (3, 3), 2, same=False),
    Branches("mixed", (
        (MeanPool(), Unit("pooled", 2)),
        (Unit("before", 3), Branches("", ((Unit("wide", 2, (1, 3)),), (Unit("tall", 2, (3, 1)),)))),
        (MaxPool(),),
    )),
    Unit("square", 5, (5, 5)),
    MaxPool("last", 2),
)  # fmt: skip


def windows(x: np.ndarray, size: tuple[int, int], same: bool, beyond: float) -> np.ndarray:
    """`[rows, columns, channels, *size]`."""
    around = [((n - 1) // 2, (n - 1) // 2) if same else (0, 0) for n in size]
    padded = np.pad(x, [*around, (0, 0)], constant_values=beyond)
    return np.lib.stride_tricks.sliding_window_view(padded, size, (0, 1))


def slow(chain: Chain, x: np.ndarray, params: Any) -> np.ndarray:
    """Of one image `[rows, columns, channels]`."""
    for row in chain:
        x = step(row, x, params)
    return x


def step(row: Row, x: np.ndarray, params: Any) -> np.ndarray:
    match row:
        case Unit(name, _, size, stride, same):
            seen = windows(x, size, same, 0.0)[::stride, ::stride]
            return np.maximum(np.einsum("ijchw,hwcf->ijf", seen, params[name]["kernel"]) + params[name]["bias"], 0)
        case MaxPool(stride=stride):
            return windows(x, (3, 3), stride == 1, -np.inf).max((3, 4))[::stride, ::stride]
        case MeanPool():
            return np.nanmean(windows(x, (3, 3), True, np.nan), (3, 4))
        case Branches(name, chains):
            inner = params[name] if name else params
            return np.concatenate([slow(chain, x, inner) for chain in chains], axis=-1)


def small_params(rng: np.random.Generator) -> Any:
    shapes, _ = kernel_shapes(SMALL)
    parts = {path: {"kernel": shape, "bias": shape[3:]} for path, shape in shapes.items()}
    return nest({f"{path}/{k}": rng.normal(size=s) for path, kinds in parts.items() for k, s in kinds.items()})


@pytest.mark.usefixtures("float64")
def test_rows_are_what_they_say(rng: np.random.Generator) -> None:
    x, params = rng.normal(size=(2, 13, 16, 3)), small_params(rng)
    network, change = Inception(SMALL, jnp.float64, "highest"), rng.normal(size=x.shape)

    @jax.jit
    def evaluate(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """The output, how it changes, and the gradient of its sum."""
        found, changed = jax.jvp(lambda x: jnp.asarray(network.apply({"params": params}, x)), (x,), (change,))
        return found, changed, jax.grad(lambda x: jnp.asarray(network.apply({"params": params}, x)).sum())(x)

    found, changed, gradient = evaluate(x)
    before, at, after = (np.array([slow(SMALL, z, params) for z in x + t * change]) for t in (-1e-6, 0, 1e-6))
    np.testing.assert_allclose(found, at, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(changed, (after - before) / 2e-6, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose((gradient * change).sum(), changed.sum(), rtol=1e-10)


def test_sizes() -> None:
    """As the paper has them, of images of 299 pixels: 147, 73, 35, 17 and 8; and 75 pixels are the least."""
    image = jnp.zeros((1, 299, 299, 3))

    def output(rows: int, x: jax.Array) -> Any:
        return Inception(INCEPTION[:rows]).init_with_output(jax.random.key(0), x)[0]

    names = [row.name for row in INCEPTION]
    expected = {
        "Conv2d_2b_3x3": (147, 64), "maxpool1": (73, 64), "maxpool2": (35, 192), "Mixed_5b": (35, 256),
        "Mixed_5d": (35, 288), "Mixed_6e": (17, 768), "Mixed_7a": (8, 1280), "Mixed_7c": (8, 2048),
    }  # fmt: skip
    for name, (side, channels) in expected.items():
        found = jax.eval_shape(lambda x, name=name: output(names.index(name) + 1, x), image)
        assert found.shape == (1, side, side, channels)
    smallest = jax.eval_shape(lambda x: output(len(INCEPTION), x), image[:, :75, :75])
    assert smallest.shape == (1, 1, 1, 2048)
    assert {width: kernel_shapes(INCEPTION[: names.index(name) + 1])[1] for width, name in DIMENSIONS.items()} == {
        width: width for width in DIMENSIONS
    }
