"""`partial_conv` against NVIDIA's definition, its steps one by one in torch's operators."""

from typing import Any

import jax
import numpy as np
import pytest

from jaxloss.ops import partial_conv
from tests.parity._peers import peer


def nvidia(x: Any, mask: Any, weight: Any, bias: Any, multi_channel: bool, **geometry: Any) -> tuple[Any, Any]:
    """Images `[n, C, H, W]`, masks `[n, 1 or C, H, W]`: the steps of PartialConv2d's forward pass."""
    torch = peer("torch")
    convolve = torch.nn.functional.conv2d
    outputs, inputs, *size = weight.shape
    ones = torch.ones(outputs if multi_channel else 1, inputs if multi_channel else 1, *size, dtype=x.dtype)
    with torch.no_grad():
        update = convolve(mask, ones, **geometry)
        ratio = ones[0].numel() / (update + 1e-8)
        update = update.clamp(0, 1)
        ratio = ratio * update
    output = convolve(x * mask, weight, bias, **geometry)
    if bias is None:
        return output * ratio * update, update
    column = bias.view(1, -1, 1, 1)
    return ((output - column) * ratio + column) * update, update


def channels_first(array: np.ndarray) -> Any:
    return peer("torch").from_numpy(np.moveaxis(array, -1, 1).copy())


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("multi_channel", [False, True], ids=["one mask", "mask per channel"])
@pytest.mark.parametrize(("size", "stride", "dilation", "padding"), [
    (3, 1, 1, 1), (3, 2, 1, 1), (7, 2, 1, 3), (5, 2, 1, 2), (3, 1, 2, 2), (3, 2, 3, 0), (1, 1, 1, 0), (4, 3, 2, 5),
])  # fmt: skip
def test_output_mask_and_gradients(
    size: int, stride: int, dilation: int, padding: int, multi_channel: bool, with_bias: bool, share: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    x = rng.standard_normal((2, 17, 22, 3), np.float32)
    mask = (rng.random((2, 17, 22, 3 if multi_channel else 1)) < share).astype(np.float32)
    kernel = rng.standard_normal((size, size, 3, 4), np.float32)
    bias = rng.standard_normal(4, np.float32) if with_bias else None
    options: dict[str, Any] = {"strides": stride, "dilation": dilation, "multi_channel": multi_channel}

    def ours(x: Any, kernel: Any) -> tuple[jax.Array, jax.Array]:
        given = mask if multi_channel else mask[..., 0]
        return partial_conv(x, given, kernel, bias, padding=padding, **options)

    torch = peer("torch")
    image, weight = channels_first(x).requires_grad_(), torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
    theirs, update = nvidia(
        image, channels_first(mask), weight.requires_grad_(), None if bias is None else torch.from_numpy(bias),
        multi_channel, stride=stride, dilation=dilation, padding=padding,
    )  # fmt: skip
    output, pull_back, updated = jax.vjp(ours, x, kernel, has_aux=True)
    expected = np.moveaxis(theirs.detach().numpy(), 1, -1)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-5 * scale)
    known = np.moveaxis(update.numpy(), 1, -1)
    np.testing.assert_array_equal(updated, known if multi_channel else known[..., 0])

    cotangent = rng.standard_normal(expected.shape, np.float32)
    theirs.backward(channels_first(cotangent))
    for gradient, truth in zip(
        pull_back(cotangent),
        (np.moveaxis(image.grad.numpy(), 1, -1), weight.grad.numpy().transpose(2, 3, 1, 0)),
        strict=True,
    ):
        np.testing.assert_allclose(gradient, truth, rtol=1e-4, atol=1e-5 * np.abs(truth).max())


@pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])
def test_masks_between_0_and_1(with_bias: bool, rng: np.random.Generator) -> None:
    """Windows of which less than one pixel is known."""
    torch, x = peer("torch"), rng.standard_normal((2, 9, 11, 3), np.float32)
    mask = np.where(rng.random((2, 9, 11, 1)) < 0.5, 0.2 * rng.random((2, 9, 11, 1)), 0).astype(np.float32)
    kernel = rng.standard_normal((3, 3, 3, 4), np.float32)
    bias = rng.standard_normal(4, np.float32) if with_bias else None
    weight = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
    offset = None if bias is None else torch.from_numpy(bias)
    theirs, update = nvidia(channels_first(x), channels_first(mask), weight, offset, False, padding=1)
    output, updated = partial_conv(x, mask[..., 0], kernel, bias, padding=1)
    assert 0 < (updated % 1 > 0).mean() < 1
    np.testing.assert_allclose(output, np.moveaxis(theirs.numpy(), 1, -1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(updated, update.numpy()[:, 0], rtol=1e-5, atol=1e-7)
