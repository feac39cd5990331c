"""Errors come at trace time and say four things: which function, what was expected, what came, and the way out."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import ops
from jaxloss.registry import METRICS, Metric
from tests.contract.cases import abstract_params, each, every_masked_row, every_ranged_row, every_row, example, shape_of


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


def message_of(case: Case) -> str:
    """Of the error that comes when shapes alone are known, with its four parts."""
    shapes = [jax.ShapeDtypeStruct(shape, case.dtype) for shape in case.shapes]
    with pytest.raises(case.error) as caught:
        jax.eval_shape(case.call, *shapes)
    message = str(caught.value)
    for word in case.words:
        assert word in message
    assert re.fullmatch(r"(?s)\w+: expected .+, got .+\. .+\.", message), message
    return message


@pytest.mark.parametrize("name", CASES)
def test_error(name: str) -> None:
    message_of(CASES[name])


def test_the_same_error_for_arrays_and_under_jit() -> None:
    case = CASES["ssim of 10"]
    arrays = [jnp.zeros(shape, case.dtype) for shape in case.shapes]
    for call in (case.call, jax.jit(case.call)):
        with pytest.raises(case.error) as caught:
            call(*arrays)
        assert str(caught.value) == message_of(case)


def assert_row_raises(
    row: Metric,
    error: type[Exception],
    *words: str,
    shapes: tuple[tuple[int, ...], ...] = (),
    dtype: Any = jnp.float32,
    **options: Any,
) -> None:
    shapes = shapes or (shape_of(row),) * 2

    def call(x: Any, y: Any) -> Any:
        # Parameters are arguments of the trace, too: what is wrong here comes before they are looked at.
        return jax.eval_shape(lambda x, y, params: example(row, **options)(x, y, **params), x, y, abstract_params(row))

    message = message_of(Case(call, error, words, shapes, dtype))
    assert message.startswith(f"{row.function.__name__}: expected "), message


@every_row
def test_integer_images(row: Metric) -> None:
    for dtype in ("uint8", "int32", "bool"):
        assert_row_raises(row, TypeError, "floating", dtype, "ops.to_float", dtype=dtype)


@every_row
def test_missing_and_empty_axes(row: Metric) -> None:
    for shape in ((40, 44), (44,), (), (40, 0, 3), (0, 44, 3), (40, 44, 0)):
        assert_row_raises(row, ValueError, "[..., H, W, C]", str(shape), "image[..., None]", shapes=(shape, shape))


@every_row
def test_shapes_differ(row: Metric) -> None:
    """Nothing is broadcast: a reference that is meant for a batch says so."""
    for other in (CHANNELS_FIRST, (40, 44, 3), (2, 40, 44, 1), (2, 40, 43, 3)):
        words = ("equal shape", f"{IMAGE} and {other}", "moveaxis", "broadcast_to")
        assert_row_raises(row, ValueError, *words, shapes=(IMAGE, other))


@each(row for row in METRICS.values() if row.example_side > 1)
def test_too_small(row: Metric) -> None:
    """One pixel less than what the laws of the values are held to in either direction is refused."""
    side = row.example_side
    for small in ((side - 1, side + 9, 3), (side + 9, side - 1, 3)):
        assert_row_raises(row, ValueError, f"at least {side} x {side} pixels", str(small), shapes=(small, small))


@every_ranged_row
def test_data_range_must_be_positive(row: Metric) -> None:
    for value in (0, 0.0, -1.0, float("nan"), float("inf"), np.float64(0)):
        assert_row_raises(row, ValueError, "data_range > 0", str(value), "255.0 for [0, 255]", data_range=value)


@every_row
def test_keywords(row: Metric) -> None:
    """What is needed has to be given, what is unknown is refused, and nothing but the images comes by position."""
    image = np.zeros(shape_of(row), np.float32)
    for needed in row.needs:
        with pytest.raises(TypeError, match=needed):
            row.function(image, image, **{name: 1.0 for name in row.needs if name != needed})
    with pytest.raises(TypeError, match="'reduction'"):
        example(row, reduction="mean")(image, image, **({"params": {}} if row.params else {}))
    with pytest.raises(TypeError, match="positional argument"):
        row.function(image, image, 1.0)


@pytest.mark.parametrize("function", [jaxloss.ssim_map, jaxloss.ms_ssim, jaxloss.mix_loss])
def test_unknown_option(function: Call) -> None:
    with pytest.raises(TypeError, match=rf"^{function.__name__}: expected options .*'reduction'"):
        function(jnp.zeros(IMAGE), jnp.zeros(IMAGE), data_range=1.0, reduction="mean")


@every_masked_row
def test_mask_must_fit(row: Metric) -> None:
    height, width, channels = shape_of(row)
    shapes = ((2, height, width, channels),) * 2
    for mask in ((2, height, width, 1), (3, height, width), (height, width - 1), (1, height, width), (width,), ()):
        words = ("mask of shape [..., H, W]", str(mask), "mask[..., 0]")
        assert_row_raises(row, ValueError, *words, shapes=shapes, mask=np.ones(mask, np.float32))


@every_masked_row
def test_mask_of_integers(row: Metric) -> None:
    for dtype in ("int32", "uint8"):
        words = ("mask of dtype bool or floating", dtype, "mask > 0")
        assert_row_raises(row, TypeError, *words, mask=np.ones(shape_of(row)[:2], dtype))
