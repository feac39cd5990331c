"""Errors come at trace time and say four things: which function, what was expected, what came, and the way out."""

import functools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import ops
from jaxloss.registry import Metric
from tests.contract.cases import every_masked_metric, every_metric, every_ranged_metric, small, small_shape


Call = Callable[..., Any]
IMAGE = (2, 40, 44, 3)


class Case(NamedTuple):
    """A call with images of some shapes, and what its error says."""

    call: Call
    error: type[Exception]
    words: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...] = (IMAGE, IMAGE)
    dtype: Any = jnp.float32


def with_options(function: Call, **options: object) -> Call:
    return lambda x, y: function(x, y, data_range=1.0, **options)


def rejects(function: Call, words: tuple[str, ...], error: type[Exception] = ValueError, **options: object) -> Case:
    return Case(with_options(function, **options), error, words)


def too_small(function: Call, side: int, words: tuple[str, ...], **options: object) -> Case:
    shape = (1, side, side + 9, 3)
    return Case(with_options(function, **options), ValueError, (*words, str(shape)), (shape, shape))


def one_image(function: Call, shape: tuple[int, ...], words: tuple[str, ...], dtype: Any = jnp.float32) -> Case:
    return Case(function, TypeError if dtype == jnp.int32 else ValueError, words, (shape,), dtype)


CHANNELS_FIRST = (2, 3, 40, 44)
CASES = {
    # Too small, or turned round.
    "ssim of 10": too_small(jaxloss.ssim, 10, ("ssim: expected images of at least 11 x 11", "smaller window_size")),
    "ssim_map of 10": too_small(jaxloss.ssim_map, 10, ("ssim_map: expected images of at least 11 x 11",)),
    "multi_sigma_ssim of 32": too_small(
        jaxloss.multi_sigma_ssim, 32, ("multi_sigma_ssim: expected images of at least 33 x 33", "smaller sigmas")
    ),
    "mix_loss of 32": too_small(jaxloss.mix_loss, 32, ("mix_loss: expected images of at least 33 x 33",)),
    "ms_ssim of 160": too_small(
        jaxloss.ms_ssim, 160, ("ms_ssim: expected images of at least 161 x 161", "5 scales", "At most 4 scales", "[:4]")
    ),
    "ms_ssim of 20": too_small(jaxloss.ms_ssim, 20, ("ms_ssim:", "At most 1 scales fit", "weights=", "[:1]")),
    "ms_ssim of 10": too_small(jaxloss.ms_ssim, 10, ("ms_ssim:", "smaller window_size")),
    "ms_ssim of 168": too_small(jaxloss.ms_ssim, 168, ("ms_ssim:", "At most 4 scales"), odd="drop", window_size=12),
    "ssim channels first": Case(
        with_options(jaxloss.ssim), ValueError, ("ssim:", str(CHANNELS_FIRST), "moveaxis"), (CHANNELS_FIRST,) * 2
    ),
    "ms_ssim channels first": Case(
        with_options(jaxloss.ms_ssim), ValueError, ("ms_ssim:", str(CHANNELS_FIRST), "moveaxis"), (CHANNELS_FIRST,) * 2
    ),
    # Options.
    "border": rejects(jaxloss.ssim, ("ssim: expected border", "'reflect', 'valid', 'zero'", "'same'"), border="same"),
    "window": rejects(jaxloss.ssim_map, ("ssim_map: expected window", "'gaussian', 'uniform'", "'box'"), window="box"),
    "covariance": rejects(jaxloss.ssim, ("ssim: expected covariance", "'sample'", "'biased'"), covariance="biased"),
    "downsample": rejects(jaxloss.ssim_loss, ("expected downsample", "'matlab'", "'auto'"), downsample="auto"),
    "one sample": rejects(jaxloss.ssim, ("ssim: expected window_size >= 2",), covariance="sample", window_size=1),
    "no window": rejects(jaxloss.ssim, ("expected size >= 1, got 0",), window_size=0),
    "sigma": rejects(jaxloss.ssim, ("expected sigma > 0, got 0",), sigma=0.0),
    "k1": rejects(jaxloss.ssim, ("ssim: expected k1 > 0, got 0", "0.01"), k1=0.0),
    "k2": rejects(jaxloss.ms_ssim, ("ms_ssim: expected k2 > 0, got -1", "0.03"), k2=-1),
    "odd": rejects(jaxloss.ms_ssim, ("ms_ssim: expected odd", "'drop'", "'symmetric'", "'keep'"), odd="keep"),
    "negative": rejects(jaxloss.ms_ssim, ("ms_ssim: expected negative", "'shift'", "'abs'"), negative="abs"),
    "product": rejects(jaxloss.ms_ssim_loss, ("expected product", "'channel', 'image'", "'batch'"), product="batch"),
    "no scale": rejects(jaxloss.ms_ssim, ("ms_ssim: expected at least one weight", "MS_SSIM_WEIGHTS"), weights=()),
    "no sigma": rejects(jaxloss.multi_sigma_ssim, ("multi_sigma_ssim: expected ascending sigmas", "8.0"), sigmas=()),
    "descending sigmas": rejects(jaxloss.mix_loss, ("mix_loss: expected ascending sigmas", "(4, 2)"), sigmas=(4, 2)),
    "epsilon": Case(
        lambda x, y: jaxloss.charbonnier_loss(x, y, epsilon=0), ValueError, ("charbonnier_loss: expected epsilon > 0",)
    ),
    "even patch": Case(with_options(jaxloss.ssim_patch_gradient), ValueError, ("patches [..., K, K, C] with odd K",)),
    # Tools.
    "filter": one_image(
        lambda x: ops.separable_filter(x, [0.5] * 50), IMAGE, ("separable_filter: expected", "at least 50", "smaller")
    ),
    "filter border": one_image(
        lambda x: ops.separable_filter(x, [1.0], border="same"), IMAGE, ("separable_filter: expected border", "'same'")
    ),
    "filter without channels": one_image(
        lambda x: ops.separable_filter(x, [1.0]), (40, 44), ("separable_filter:", "(40, 44)", "image[..., None]")
    ),
    "integer filter": one_image(
        lambda x: ops.separable_filter(x, [1.0]), IMAGE, ("separable_filter:", "int32", "to_float"), jnp.int32
    ),
    "pool odd": one_image(lambda x: ops.average_pool(x, odd="keep"), IMAGE, ("average_pool: expected odd", "'keep'")),
    "pool factor": one_image(lambda x: ops.average_pool(x, factor=0), IMAGE, ("average_pool: expected factor >= 1",)),
    "luma of gray": one_image(ops.rgb_to_y, (40, 44, 1), ("rgb_to_y: expected 3 channels", "(40, 44, 1)")),
    "to_float": one_image(ops.to_float, IMAGE, ("to_float: expected dtype uint8", "int32", "Divide"), jnp.int32),
    "to_unit": one_image(ops.to_unit, IMAGE, ("to_unit: expected a floating dtype", "int32", "to_float"), jnp.int32),
}  # fmt: skip


def assert_raises(case: Case) -> str:
    """The same error for arrays, under jit, and for shapes alone."""
    shapes = [jax.ShapeDtypeStruct(shape, case.dtype) for shape in case.shapes]
    arrays = [jnp.zeros(shape, case.dtype) for shape in case.shapes]
    messages = set()
    for attempt in (
        lambda: case.call(*arrays),
        lambda: jax.jit(case.call)(*arrays),
        lambda: jax.eval_shape(case.call, *shapes),
    ):
        with pytest.raises(case.error) as caught:
            attempt()
        messages.add(str(caught.value))
    (message,) = messages
    for word in case.words:
        assert word in message
    assert re.fullmatch(r"(?s)\w+: expected .+, got .+\. .+\.", message), message
    return message


def named(row: Metric) -> str:
    """A loss made of a metric may leave the checks to it."""
    return rf"{row.name.removesuffix('_loss')}(_loss)?: expected "


def assert_metric_raises(
    row: Metric,
    call: Call,
    error: type[Exception],
    *words: str,
    shape: tuple[int, ...] | None = None,
    dtype: Any = jnp.float32,
) -> None:
    shape = (*small_shape(row), 3) if shape is None else shape
    message = assert_raises(Case(call, error, words, (shape, shape), dtype))
    assert re.match(named(row), message), message


@pytest.mark.parametrize("name", CASES)
def test_error(name: str) -> None:
    assert_raises(CASES[name])


@every_metric
@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.int32, jnp.bool_], ids=["uint8", "int32", "bool"])
def test_integer_images(row: Metric, dtype: Any) -> None:
    assert_metric_raises(row, small(row), TypeError, "floating", np.dtype(dtype).name, "ops.to_float", dtype=dtype)


@every_metric
@pytest.mark.parametrize("shape", [(40, 44), (44,), (), (40, 0, 3), (0, 44, 3), (40, 44, 0)], ids=str)
def test_missing_and_empty_axes(row: Metric, shape: tuple[int, ...]) -> None:
    assert_metric_raises(row, small(row), ValueError, "[..., H, W, C]", str(shape), "image[..., None]", shape=shape)


@every_metric
@pytest.mark.parametrize("other", [CHANNELS_FIRST, (40, 44, 3), (2, 40, 44, 1), (2, 40, 43, 3)], ids=str)
def test_shapes_differ(row: Metric, other: tuple[int, ...]) -> None:
    """Nothing is broadcast: a reference that is meant for a batch says so."""
    words = ("equal shape", f"{IMAGE} and {other}", "moveaxis", "broadcast_to")
    assert_raises(Case(small(row), ValueError, words, (IMAGE, other)))


@every_ranged_metric
@pytest.mark.parametrize("value", [0, 0.0, -1.0, float("nan"), float("inf"), np.float64(0)], ids=repr)
def test_data_range_must_be_positive(row: Metric, value: float) -> None:
    call = functools.partial(small(row), data_range=value)
    assert_metric_raises(row, call, ValueError, "data_range > 0", str(value), "255.0 for [0, 255]")


@every_ranged_metric
def test_data_range_is_required(row: Metric) -> None:
    image = jnp.zeros((*small_shape(row), 3))
    with pytest.raises(TypeError, match=rf"{row.name}\(\).*data_range"):
        row.function(image, image)


@every_metric
def test_unknown_keyword(row: Metric) -> None:
    image = jnp.zeros((*small_shape(row), 3))
    with pytest.raises(TypeError, match=rf"^{row.name}(\(\)|:).*'reduction'"):
        small(row)(image, image, reduction="mean")
    with pytest.raises(TypeError, match=rf"{row.name}\(\) takes 2 positional arguments"):
        row.function(image, image, 1.0)


@pytest.mark.parametrize("function", [jaxloss.ssim_map, jaxloss.ssim_components])
def test_unknown_keyword_of_a_map(function: Call) -> None:
    with pytest.raises(TypeError, match=rf"^{function.__name__}(\(\)|:).*'reduction'"):
        function(jnp.zeros(IMAGE), jnp.zeros(IMAGE), data_range=1.0, reduction="mean")


@every_masked_metric
def test_mask_must_fit(row: Metric) -> None:
    height, width = small_shape(row)
    image = (2, height, width, 3)
    for mask in ((2, height, width, 1), (3, height, width), (height, width - 1), (1, height, width), (width,), ()):
        call = functools.partial(small(row), mask=jnp.ones(mask))
        assert_metric_raises(row, call, ValueError, "mask of shape [..., H, W]", str(mask), "mask[..., 0]", shape=image)


@every_masked_metric
@pytest.mark.parametrize("dtype", [jnp.int32, jnp.uint8], ids=["int32", "uint8"])
def test_mask_of_integers(row: Metric, dtype: Any) -> None:
    call = functools.partial(small(row), mask=jnp.ones(small_shape(row), dtype))
    assert_metric_raises(row, call, TypeError, "mask of dtype bool or floating", np.dtype(dtype).name, "mask > 0")
