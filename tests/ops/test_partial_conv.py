"""`partial_conv` against loops over windows in NumPy, and its laws; `tests/parity` holds it against torch."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from jaxloss import ops
from tests.derivatives import check_derivatives


# Compiled whole: operation by operation takes longer.
partial_conv = jax.jit(ops.partial_conv, static_argnames=("strides", "padding", "dilation", "multi_channel"))


def reference(
    x: np.ndarray,
    mask: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray | None,
    strides: tuple[int, int] = (1, 1),
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
    dilation: tuple[int, int] = (1, 1),
) -> tuple[np.ndarray, np.ndarray]:
    """One image `[H, W, C]`, one mask `[H, W, C]` or `[H, W, 1]`, 0 or 1: window by window, counting what is known."""
    x, mask = (np.pad(z.astype(np.float64), [*padding, (0, 0)]) for z in (x, mask))
    height, width, _, depth = kernel.shape
    reach = [(size - 1) * step + 1 for size, step in zip((height, width), dilation, strict=True)]
    rows, columns = (range(0, x.shape[i] - reach[i] + 1, strides[i]) for i in range(2))
    output, updated = np.zeros((len(rows), len(columns), depth)), np.zeros((len(rows), len(columns)))
    for (i, row), (j, column) in itertools.product(enumerate(rows), enumerate(columns)):
        window = slice(row, row + reach[0], dilation[0]), slice(column, column + reach[1], dilation[1])
        known = mask[window].sum()
        if known > 0:
            seen = np.tensordot(x[window] * mask[window], kernel.astype(np.float64), 3)
            output[i, j] = seen * mask[window].size / known + (0 if bias is None else bias)
            updated[i, j] = 1
    return output, updated


GEOMETRIES: dict[str, dict[str, Any]] = {
    "plain": {"padding": ((0, 0), (0, 0))},
    "padded": {"padding": ((1, 1), (1, 1))},
    "strided": {"strides": (2, 2), "padding": ((1, 1), (1, 1))},
    "uneven": {"strides": (3, 2), "padding": ((2, 0), (1, 3)), "dilation": (1, 2)},
    "dilated": {"padding": ((2, 2), (2, 2)), "dilation": (2, 2)},
}


def sample(rng: np.random.Generator, multi_channel: bool, count: int = 2) -> tuple[np.ndarray, ...]:
    """Images, masks with windows that are full, empty and between, kernel, bias."""
    x = rng.standard_normal((count, 11, 14, 3), np.float32)
    mask = (rng.random((count, 11, 14, 3 if multi_channel else 1)) < 0.6).astype(np.float32)
    mask[:, :6, :7], mask[:, 6:, 9:] = 0, 1
    return x, mask, rng.standard_normal((3, 3, 3, 5), np.float32), rng.standard_normal(5, np.float32)


@pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("multi_channel", [False, True], ids=["one mask", "mask per channel"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_windows(geometry: str, multi_channel: bool, with_bias: bool, rng: np.random.Generator) -> None:
    x, mask, kernel, bias = sample(rng, multi_channel)
    offset = bias if with_bias else None
    options = GEOMETRIES[geometry]
    given = mask if multi_channel else mask[..., 0]
    output, updated = partial_conv(x, given, kernel, offset, **options, multi_channel=multi_channel)
    for i in range(len(x)):
        expected, known = reference(x[i], mask[i], kernel, offset, **options)
        np.testing.assert_allclose(output[i], expected, rtol=1e-5, atol=1e-5)
        assert 0 < known.mean() < 1
        if multi_channel:
            known = np.repeat(known[..., None], 5, axis=-1)
        np.testing.assert_array_equal(updated[i], known)


def test_names_of_paddings(rng: np.random.Generator) -> None:
    x, mask, kernel, bias = sample(rng, False)
    for strides, padding, pixels in (
        (1, "SAME", ((1, 1), (1, 1))),
        (2, "SAME", ((1, 1), (0, 1))),
        (2, "VALID", ((0, 0), (0, 0))),
        (2, 1, ((1, 1), (1, 1))),
    ):
        output, updated = partial_conv(x, mask[..., 0], kernel, bias, strides=strides, padding=padding)
        expected, known = reference(x[0], mask[0], kernel, bias, (strides, strides), pixels)
        np.testing.assert_allclose(output[0], expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(updated[0], known)


def test_without_mask_only_the_border_is_made_up_for(rng: np.random.Generator) -> None:
    """Partial convolution based padding: an average of ones is 1 up to the border."""
    x, _, kernel, bias = sample(rng, False)
    for multi_channel, mask in ((False, np.ones((11, 14), np.float32)), (True, np.ones((11, 14, 3), np.float32))):
        output, updated = partial_conv(x, None, kernel, bias, multi_channel=multi_channel)
        expected, known = partial_conv(x, mask, kernel, bias, multi_channel=multi_channel)
        np.testing.assert_allclose(output, expected, rtol=1e-6)
        np.testing.assert_array_equal(updated, known)
        assert updated.shape == (2, 11, 14, 5)[: 4 if multi_channel else 3] and (updated == 1).all()
    average, _ = partial_conv(np.ones((6, 6, 1), np.float32), None, np.full((3, 3, 1, 1), 1 / 9, np.float32))
    np.testing.assert_allclose(average, 1, rtol=1e-6)


def test_what_is_in_the_hole_has_no_influence(rng: np.random.Generator) -> None:
    x, mask, kernel, bias = sample(rng, False)
    hidden = np.where(mask > 0, x, np.nan)
    output, _ = partial_conv(hidden, mask[..., 0], kernel, bias)
    np.testing.assert_array_equal(output, partial_conv(x, mask[..., 0] > 0, kernel, bias)[0])
    slope = jax.jit(jax.grad(lambda x: (partial_conv(x, mask[..., 0], kernel, bias)[0] ** 2).sum()))
    gradient = slope(jnp.asarray(hidden))
    assert np.isfinite(gradient).all()
    assert (np.asarray(gradient)[np.broadcast_to(mask, x.shape) == 0] == 0).all()


@pytest.mark.parametrize("level", [0.0, 1.0], ids=["all hole", "all known"])
def test_extreme_masks(level: float, rng: np.random.Generator) -> None:
    x, mask, kernel, bias = sample(rng, False)
    full = jnp.full(mask.shape[:-1], level)

    def total(x: jax.Array, mask: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
        return (partial_conv(x, mask, kernel, bias)[0] ** 2).sum()

    gradients = jax.jit(jax.grad(total, argnums=(0, 1, 2, 3)))(jnp.asarray(x), full, kernel, bias)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert (gradients[1] == 0).all()  # the mask has no gradient
    assert all((gradient == 0).all() == (level == 0) for gradient in (gradients[0], *gradients[2:]))
    output, updated = partial_conv(x, full, kernel, bias)
    assert (updated == level).all() and (output == 0).all() == (level == 0)


def test_faint_masks() -> None:
    """NVIDIA's constant keeps what is hardly known from being blown up: here it halves it."""
    faint, one = jnp.full((1, 1), 1e-8), jnp.ones((1, 1, 1, 1))
    output, updated = partial_conv(jnp.ones((1, 1, 1)), faint, one)
    np.testing.assert_allclose([output[0, 0, 0], updated[0, 0]], [0.5e-16, 1e-8], rtol=1e-5)


def test_empty_batch() -> None:
    output, updated = partial_conv(jnp.ones((3, 0, 16, 16, 3)), jnp.ones((16, 16)), jnp.ones((3, 3, 3, 5)), strides=2)
    assert output.shape == (3, 0, 8, 8, 5) and updated.shape == (3, 0, 8, 8)


@pytest.mark.usefixtures("float64")
def test_derivatives(rng: np.random.Generator) -> None:
    x, mask, kernel, bias = (z.astype(np.float64) for z in sample(rng, False, count=1))

    def energy(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
        return (partial_conv(x, mask[..., 0], kernel, bias, strides=2)[0] ** 2).mean()

    check_derivatives(energy, x, kernel, bias, rng=rng)


@pytest.mark.parametrize("leading", [(), (1,), (4,), (2, 2)])
def test_leading_axes_and_shared_masks(leading: tuple[int, ...], rng: np.random.Generator) -> None:
    x, mask, kernel, bias = sample(rng, False, count=4)
    images = x[: np.prod(leading, dtype=int)].reshape(*leading, *x.shape[1:])
    shared = np.broadcast_to(mask[0, ..., 0], images.shape[:-1])
    for given in (shared, mask[0, ..., 0]):
        output, updated = partial_conv(images, given, kernel, bias, padding="VALID")
        assert updated.shape == (*leading, 9, 12)
        flat = np.asarray(output).reshape(-1, *output.shape[-3:])
        for image, result in zip(x, flat, strict=False):
            expected, _ = reference(image, mask[0], kernel, bias)
            np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


def test_transforms(rng: np.random.Generator) -> None:
    x, mask, kernel, bias = sample(rng, False, count=8)
    masks = mask[..., 0]
    expected = [np.asarray(z) for z in partial_conv(x, masks, kernel, bias)]
    mapped = jax.jit(jax.vmap(lambda x, mask: partial_conv(x, mask, kernel, bias)))(x, masks)
    sharding = NamedSharding(jax.make_mesh((8,), ("batch",)), PartitionSpec("batch"))
    sharded = partial_conv(*jax.device_put((x, masks), sharding), kernel, bias)
    for result in (mapped, sharded):
        for z, truth in zip(result, expected, strict=True):
            np.testing.assert_allclose(z, truth, atol=1e-5)
    assert all(z.sharding.is_equivalent_to(sharding, z.ndim) for z in sharded)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision_is_computed_in_single(dtype: Any, rng: np.random.Generator) -> None:
    x, mask, kernel, bias = (jnp.asarray(z, dtype) for z in sample(rng, False))
    output, updated = partial_conv(x, mask[..., 0], kernel, bias)
    assert output.dtype == updated.dtype == jnp.float32
    single = (z.astype(jnp.float32) for z in (x, mask[..., 0], kernel, bias))
    np.testing.assert_array_equal(output, partial_conv(*single)[0])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"mask": np.ones((2, 11, 14, 1), np.float32)}, ValueError, r"mask of shape \(2, 11, 14\) or \(11, 14\), got"),
        ({"mask": np.ones((11, 13), np.float32)}, ValueError, r"mask of shape .*, got \(11, 13\)"),
        ({"multi_channel": True}, ValueError, r"mask of shape \(2, 11, 14, 3\) or \(11, 14, 3\), got \(2, 11, 14\)"),
        ({"mask": np.ones((11, 14), np.int32)}, TypeError, "mask of dtype bool or floating, got int32"),
        ({"bias": np.ones((1, 5), np.float32)}, ValueError, r"bias of shape \(5,\), got \(1, 5\)"),
        ({"kernel": np.ones((5, 3, 7, 7), np.float32)}, ValueError, r"kernel of shape \[height, width, 3, D\]"),
        ({"padding": "same"}, ValueError, r"padding one of \['SAME', 'VALID'\], got 'same'"),
        ({"x": np.ones((2, 11, 14, 3), np.uint8)}, TypeError, "x of a floating dtype, got uint8"),
    ],
)
def test_bad_input(change: dict[str, Any], error: type[Exception], words: str, rng: np.random.Generator) -> None:
    x, mask, kernel, bias = sample(rng, False)
    arguments: dict[str, Any] = {"x": x, "mask": mask[..., 0], "kernel": kernel, "bias": bias} | change
    with pytest.raises(error, match=f"^partial_conv: expected {words}"):
        ops.partial_conv(**arguments)
