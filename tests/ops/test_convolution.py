"""Convolutions arranged for a CPU are the convolutions of XLA: values, derivatives, every mode."""

import itertools
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxloss.ops._convolution import both_ways, convolution
from tests.derivatives import check_derivatives
from tests.products import products, products_without_precision


DIMENSIONS = ("NHWC", "HWIO", "NHWC")
LIBRARY = r"__(?:ynn|xnn|onednn)_fusion"

# (kernel size, stride, padding, height, width): the layers of the networks, at even, odd and least sizes.
CASES = [
    (3, 1, 1, 5, 7), (3, 1, 1, 1, 1), (3, 1, 0, 6, 4), (1, 1, 0, 6, 5), (1, 1, 0, 1, 1), (5, 1, 2, 9, 8),
    (5, 1, 2, 2, 3), (3, 2, 0, 17, 16), (11, 4, 2, 7, 7), (11, 4, 2, 31, 33), (11, 4, 2, 64, 65), (11, 4, 2, 30, 70),
]  # fmt: skip


Convolution = Callable[[Any, Any], jax.Array]


def both(size: int, stride: int, padding: int) -> tuple[Convolution, Callable[..., jax.Array]]:
    """As arranged for a CPU, in any precision, and plain."""
    geometry: dict[str, Any] = {"padding": [(padding, padding)] * 2, "dimension_numbers": DIMENSIONS}

    def ours(x: jax.Array, kernel: jax.Array) -> jax.Array:
        arranged, _ = both_ways(jnp.shape(x), jnp.shape(kernel), (stride, stride), **geometry)
        return arranged(x, kernel)

    return ours, partial(lax.conv_general_dilated, window_strides=(stride, stride), **geometry)


def hook(size: int, stride: int, padding: int) -> Convolution:
    """What `nn.Conv` calls."""
    return partial(
        convolution, strides=(stride, stride), padding=[(padding, padding)] * 2, dimension_numbers=DIMENSIONS
    )


def random_arrays(rng: np.random.Generator, size: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(2, height, width, 3)), rng.normal(size=(size, size, 3, 4))


def values_and_adjoints(functions: Sequence[Convolution], x: Any, kernel: Any) -> list[Any]:
    """Of each function, in one program."""

    @jax.jit
    def evaluate(x: jax.Array, kernel: jax.Array) -> list[Any]:
        results = []
        for function in functions:
            value, pullback = jax.vjp(function, x, kernel)
            results.append((value, pullback(jnp.cos(value))))
        return results

    return evaluate(x, kernel)


@pytest.mark.parametrize(("size", "stride", "padding", "height", "width"), CASES)
def test_values_and_adjoints(
    size: int, stride: int, padding: int, height: int, width: int, rng: np.random.Generator
) -> None:
    with jax.enable_x64(True):
        arrays = random_arrays(rng, size, height, width)
        ours, plain = values_and_adjoints(both(size, stride, padding), *arrays)
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(plain), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("stride", [1, 4])
def test_groups_see_their_own_channels(stride: int, rng: np.random.Generator) -> None:
    x, kernel = rng.normal(size=(2, 9, 8, 6)), rng.normal(size=(3, 3, 3, 4))
    towers: dict[str, Any] = {"padding": [(1, 1)] * 2, "dimension_numbers": DIMENSIONS, "feature_group_count": 2}
    with jax.enable_x64(True):
        ours, plain = values_and_adjoints(
            [
                partial(convolution, strides=(stride, stride), **towers),
                partial(lax.conv_general_dilated, window_strides=(stride, stride), **towers),
            ],
            x,
            kernel,
        )
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(plain), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (1, 2), (4, 4)])
@pytest.mark.parametrize("sides", [(3, 3), (4, 2), (9, 9)])
def test_any_geometry(strides: tuple[int, int], sides: tuple[int, int], rng: np.random.Generator) -> None:
    """Of the hook of `nn.Conv`, with its derivatives; where nothing is rearranged it is XLA's own."""
    shapes: Any = (2, 11, 10, 3), (*sides, 3, 4)
    x, kernel = (np.float32(rng.normal(size=shape)) for shape in shapes)
    rearranged: list[Convolution] = []
    for padding, dilation in itertools.product(("SAME", "VALID", [(2, 0), (0, 3)]), ((1, 1), (2, 3))):
        options: dict[str, Any] = {"padding": padding, "rhs_dilation": dilation, "dimension_numbers": DIMENSIONS}
        ours = partial(convolution, strides=strides, **options)
        plain = partial(lax.conv_general_dilated, window_strides=strides, precision=lax.Precision.HIGHEST, **options)
        arranged, reference = both_ways(x.shape, kernel.shape, strides, **options)
        if arranged is reference:
            assert str(jax.make_jaxpr(ours)(x, kernel)) == str(jax.make_jaxpr(plain)(x, kernel))
        else:
            rearranged += ours, plain
    results = values_and_adjoints(rearranged, x, kernel)
    for result, expected in zip(results[::2], results[1::2], strict=True):
        for a, b in zip(jax.tree.leaves(result), jax.tree.leaves(expected), strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-4)


def test_what_is_rearranged() -> None:
    """The comparison above could else be one of a thing with itself."""
    shape, options = (2, 16, 16, 3), {"padding": "SAME", "dimension_numbers": DIMENSIONS}
    for sides, strides, channels, rearranged in (
        ((3, 3), (1, 1), 3, True), ((4, 2), (1, 1), 64, True), ((3, 3), (2, 2), 3, True), ((3, 3), (2, 2), 8, False),
        ((3, 3), (4, 4), 8, True), ((3, 3), (1, 2), 3, False), ((4, 2), (2, 2), 3, False),
    ):  # fmt: skip
        arranged, reference = both_ways((*shape[:3], channels), (*sides, channels, 4), strides, **options)
        assert (arranged is not reference) == rearranged
    arranged, reference = both_ways(shape, (3, 3, 3, 4), (2, 2), rhs_dilation=(2, 2), **options)
    assert arranged is reference


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("side", [2, 3, 11])
def test_empty_batches_and_images_smaller_than_the_window(stride: int, side: int, rng: np.random.Generator) -> None:
    shapes = [(0, 16, 16, 3), (2, 1, 9, 3), (2, 2, 3, 1), (1, 9, 1, 3)]
    cases = [(shape, padding) for shape in shapes for padding in ("SAME", "VALID")]
    arrays = [(rng.normal(size=shape), rng.normal(size=(side, side, shape[3], 4))) for shape, _ in cases]
    arrays = jax.tree.map(np.float32, arrays)

    @jax.jit
    def evaluate(arrays: Any) -> list[jax.Array]:
        options: dict[str, Any] = {"dimension_numbers": DIMENSIONS}
        return [
            convolution(x, kernel, (stride, stride), padding, **options)
            for (x, kernel), (_, padding) in zip(arrays, cases, strict=True)
        ]

    for value, (x, kernel), (_, padding) in zip(evaluate(arrays), arrays, cases, strict=True):
        np.testing.assert_allclose(value, by_windows(x, kernel, stride, padding), rtol=1e-4, atol=1e-5)


def by_windows(x: np.ndarray, kernel: np.ndarray, stride: int, padding: str) -> np.ndarray:
    """Window by window."""
    side = kernel.shape[0]
    if padding == "SAME":
        counts = [-(-length // stride) for length in x.shape[1:3]]
        beyond = [max(0, (n - 1) * stride + side - length) for n, length in zip(counts, x.shape[1:3], strict=True)]
        x = np.pad(x, [(0, 0), *((z // 2, z - z // 2) for z in beyond), (0, 0)])
    rows, columns = (range(0, length - side + 1, stride) for length in x.shape[1:3])
    result = np.zeros((len(x), len(rows), len(columns), kernel.shape[3]))
    for (i, row), (j, column) in itertools.product(enumerate(rows), enumerate(columns)):
        result[:, i, j] = np.tensordot(np.float64(x[:, row : row + side, column : column + side]), kernel, 3)
    return result


EVERY_WAY = [(3, 1, 1, 4, 5), (3, 2, 0, 7, 8), (11, 4, 2, 12, 11)]


@pytest.mark.parametrize("case", EVERY_WAY)
def test_every_mode_of_second_order(case: tuple[int, ...], rng: np.random.Generator) -> None:
    ours, _ = both(*case[:3])
    with jax.enable_x64(True):
        x, kernel = random_arrays(rng, case[0], *case[3:])
        check_derivatives(lambda x, kernel: (ours(x, kernel) ** 2).mean(), x, kernel, rng=rng)


@pytest.mark.parametrize("case", EVERY_WAY)
def test_vmap_over_images_and_kernels(case: tuple[int, ...], rng: np.random.Generator) -> None:
    with jax.enable_x64(True):
        pairs = [random_arrays(rng, case[0], *case[3:]) for _ in range(3)]
        images, kernels = (jnp.stack([pair[i] for pair in pairs]) for i in range(2))

        @jax.jit
        def evaluate(images: jax.Array, kernels: jax.Array) -> list[list[jax.Array]]:
            return [
                [
                    jax.vmap(function, in_axes=axes)(
                        *(z if axis == 0 else z[0] for z, axis in zip((images, kernels), axes, strict=True))
                    )
                    for function in both(*case[:3])
                ]
                for axes in ((0, None), (None, 0), (0, 0))
            ]

        for ours, plain in evaluate(images, kernels):
            np.testing.assert_allclose(ours, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", EVERY_WAY)
def test_products_are_in_full_precision(case: tuple[int, ...]) -> None:
    """With first and second derivatives, on accelerators and as arranged for a CPU; not where less is asked for."""
    function = hook(*case[:3])
    shapes = (2, *case[3:], 3), (case[0], case[0], 3, 4)
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    first = jax.grad(lambda x, kernel: (function(x, kernel) ** 2).sum(), argnums=(0, 1))
    second = jax.grad(lambda x, kernel: sum(z.sum() for z in first(x, kernel)), argnums=(0, 1))
    for derivatives in (first, second):
        assert len(products(derivatives, *arguments)) >= 2 * 3
        assert products_without_precision(derivatives, *arguments, platforms=("cuda", "tpu", "cpu")) == []
    half = [jax.ShapeDtypeStruct(shape, jnp.bfloat16) for shape in shapes]
    assert len(products_without_precision(function, *half)) == 2


@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 1, 1), (1, 1, 0), (11, 4, 2)])
def test_no_convolution_runs_on_one_core(size: int, stride: int, padding: int) -> None:
    """XLA's library fusions do. The value and the adjoint that images need are free of them."""
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((2, 64, 64, 32), (size, size, 32, 64))]

    def value_and_adjoint(function: Convolution, x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
        value, pullback = jax.vjp(lambda x: function(x, kernel), x)
        return value, pullback(value)[0]

    ours, plain = (
        jax.jit(partial(value_and_adjoint, function)).lower(*arguments).compile().as_text() or ""
        for function in (hook(size, stride, padding), both(size, stride, padding)[1])
    )
    assert len(re.findall(r" convolution\(", ours)) == 2
    assert re.findall(LIBRARY, ours) == [] != re.findall(LIBRARY, plain)


def test_values_in_steps_of_two_run_on_all_cores() -> None:
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((2, 64, 64, 3), (3, 3, 3, 64))]
    program = jax.jit(hook(3, 2, 0)).lower(*arguments).compile().as_text() or ""
    assert len(re.findall(r" convolution\(", program)) == 1
    assert re.findall(LIBRARY, program) == []


def test_double_precision_is_left_to_the_library() -> None:
    """XLA's own convolutions are slow in it."""
    with jax.enable_x64(True):
        arguments = [jax.ShapeDtypeStruct(shape, jnp.float64) for shape in ((2, 8, 9, 3), (3, 3, 3, 4))]
        plain = partial(both(3, 1, 1)[1], precision=lax.Precision.HIGHEST)
        assert str(jax.make_jaxpr(hook(3, 1, 1))(*arguments)) == str(jax.make_jaxpr(plain)(*arguments))
