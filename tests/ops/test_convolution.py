"""Convolutions arranged for a CPU are the convolutions of XLA: values, derivatives, every mode."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.test_util import check_grads

from jaxloss.ops._convolution import both_ways, convolution


DIMENSIONS = ("NHWC", "HWIO", "NHWC")

# (kernel size, stride, padding, height, width): the layers of the networks, at even, odd and least sizes.
CASES = [
    (3, 1, 1, 5, 7), (3, 1, 1, 1, 1), (3, 1, 0, 6, 4), (1, 1, 0, 6, 5), (1, 1, 0, 1, 1), (5, 1, 2, 9, 8),
    (5, 1, 2, 2, 3), (3, 2, 0, 17, 16), (11, 4, 2, 7, 7), (11, 4, 2, 31, 33), (11, 4, 2, 64, 65), (11, 4, 2, 30, 70),
]  # fmt: skip


def both(size: int, stride: int, padding: int):
    """As arranged for a CPU, in any precision, and plain."""
    geometry = {"padding": [(padding, padding)] * 2, "dimension_numbers": DIMENSIONS}

    def ours(x, kernel):
        arranged, _ = both_ways(jnp.shape(x), jnp.shape(kernel), (stride, stride), **geometry)
        return arranged(x, kernel)

    return ours, functools.partial(lax.conv_general_dilated, window_strides=(stride, stride), **geometry)


def hook(size: int, stride: int, padding: int):
    """What `nn.Conv` calls."""
    return functools.partial(
        convolution, strides=(stride, stride), padding=[(padding, padding)] * 2, dimension_numbers=DIMENSIONS
    )


def random_arrays(rng: np.random.Generator, size: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(2, height, width, 3)), rng.normal(size=(size, size, 3, 4))


@pytest.mark.parametrize(("size", "stride", "padding", "height", "width"), CASES)
def test_values_and_adjoints(size, stride, padding, height, width, rng: np.random.Generator) -> None:
    ours, plain = both(size, stride, padding)
    with jax.enable_x64(True):
        x, kernel = map(jnp.asarray, random_arrays(rng, size, height, width))
        expected, expected_pullback = jax.vjp(plain, x, kernel)
        result, pullback = jax.vjp(ours, x, kernel)
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
        cotangent = jnp.asarray(rng.normal(size=expected.shape))
        for adjoint, reference in zip(pullback(cotangent), expected_pullback(cotangent), strict=True):
            np.testing.assert_allclose(adjoint, reference, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (1, 2), (4, 4)])
@pytest.mark.parametrize("padding", ["SAME", "VALID", [(2, 0), (0, 3)]])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize("sides", [(3, 3), (4, 2), (9, 9)])
def test_any_geometry(strides, padding, dilation, sides, rng: np.random.Generator) -> None:
    """Of the hook of `nn.Conv`, with its derivatives."""
    x, kernel = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((2, 11, 10, 3), (*sides, 3, 4)))
    options = {"rhs_dilation": dilation, "dimension_numbers": DIMENSIONS}

    def value_and_adjoints(function, x, kernel):
        value, pullback = jax.vjp(lambda x, kernel: function(x, kernel, strides, padding, **options), x, kernel)
        return value, pullback(jnp.cos(value))

    result, expected = (
        jax.jit(functools.partial(value_and_adjoints, function))(x, kernel)
        for function in (convolution, lax.conv_general_dilated)
    )
    for a, b in zip(jax.tree.leaves(result), jax.tree.leaves(expected), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(0, 16, 16, 3), (2, 1, 9, 3), (2, 2, 3, 1), (1, 9, 1, 3)])
@pytest.mark.parametrize("side", [2, 3, 11])
def test_empty_batches_and_images_smaller_than_the_window(stride: int, shape: tuple[int, ...], side: int) -> None:
    x, kernel = jnp.ones(shape), jnp.ones((side, side, shape[3], 4))
    for padding in ("SAME", "VALID"):
        arguments = x, kernel, (stride, stride), padding
        expected = lax.conv_general_dilated(*arguments, dimension_numbers=DIMENSIONS)
        np.testing.assert_allclose(convolution(*arguments, dimension_numbers=DIMENSIONS), expected, rtol=1e-6)


@pytest.mark.parametrize("case", [(3, 1, 1, 4, 5), (3, 2, 0, 7, 8), (11, 4, 2, 12, 11)])
def test_every_mode_of_second_order(case, rng: np.random.Generator) -> None:
    ours, _ = both(*case[:3])
    with jax.enable_x64(True):
        x, kernel = random_arrays(rng, case[0], *case[3:])
        check_grads(lambda x, kernel: ours(x, kernel) ** 2, (x, kernel), order=2, modes=("fwd", "rev"))


@pytest.mark.parametrize("case", [(3, 1, 1, 4, 5), (3, 2, 0, 7, 8), (11, 4, 2, 12, 11)])
def test_vmap_over_images_and_kernels(case, rng: np.random.Generator) -> None:
    ours, plain = both(*case[:3])
    with jax.enable_x64(True):
        pairs = [random_arrays(rng, case[0], *case[3:]) for _ in range(3)]
        images, kernels = np.stack([x for x, _ in pairs]), np.stack([kernel for _, kernel in pairs])
        for axes in ((0, None), (None, 0), (0, 0)):
            arguments = [z if axis == 0 else z[0] for z, axis in zip((images, kernels), axes, strict=True)]
            mapped = jax.vmap(ours, in_axes=axes)(*arguments)
            np.testing.assert_allclose(mapped, jax.vmap(plain, in_axes=axes)(*arguments), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 1, 1), (1, 1, 0), (11, 4, 2)])
def test_no_convolution_runs_on_one_core(size, stride, padding, rng: np.random.Generator) -> None:
    """XLA's library fusions do. The value and the adjoint that images need are free of them."""
    ours = hook(size, stride, padding)
    x, kernel = (rng.normal(size=shape).astype("f") for shape in ((2, 64, 64, 32), (size, size, 32, 64)))

    def value_and_adjoint(x, kernel):
        value, pullback = jax.vjp(lambda x: ours(x, kernel), x)
        return value, pullback(value)

    program = jax.jit(value_and_adjoint).lower(x, kernel).compile().as_text() or ""
    assert len(re.findall(r" convolution\(", program)) == 2
    assert re.findall(r"__(?:ynn|xnn|onednn)_fusion", program) == []


def test_values_in_steps_of_two_run_on_all_cores(rng: np.random.Generator) -> None:
    ours = hook(3, 2, 0)
    x, kernel = (rng.normal(size=shape).astype("f") for shape in ((2, 64, 64, 3), (3, 3, 3, 64)))
    program = jax.jit(ours).lower(x, kernel).compile().as_text() or ""
    assert len(re.findall(r" convolution\(", program)) == 1
    assert re.findall(r"__(?:ynn|xnn|onednn)_fusion", program) == []


def test_double_precision_is_left_to_the_library(rng: np.random.Generator) -> None:
    """XLA's own convolutions are slow in it."""
    with jax.enable_x64(True):
        arrays = random_arrays(rng, 3, 8, 9)
        ours, plain = (jax.make_jaxpr(f)(*arrays) for f in (hook(3, 1, 1), both(3, 1, 1)[1]))
        assert str(ours) == str(plain)
