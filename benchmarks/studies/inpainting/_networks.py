"""The networks of the inpainting benchmark, and the random holes that it fills."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxloss.backbones import PartialConv

from ..._command import CHANNELS


class InpaintingNetwork(nn.Module):
    """A U-Net of partial convolutions after Liu et al. 2018, smaller and without batch normalization.

    Takes images `[n, H, W, 3]`, H and W multiples of 16, and masks `[n, H, W]`, 1 = known; returns images. Each stage
    halves the sides and shrinks the hole; each stage on the way back sees what is below it and what its own size saw.
    """

    width: int

    @nn.compact
    def __call__(self, image: jax.Array, mask: jax.Array) -> jax.Array:
        # Masks with channels: those from below and from the side differ where they meet.
        x, known = image, jnp.broadcast_to(mask[..., None], image.shape).astype(image.dtype)
        passed = [(x, known)]
        for features, side in zip((1, 2, 4, 4), (7, 5, 3, 3), strict=True):
            x, known = self.convolve(features * self.width, side, strides=2)(x, known)
            x = nn.relu(x)
            passed.append((x, known))
        passed.pop()
        for features in (4, 2, 1):
            x, known = _joined(x, known, *passed.pop())
            x, known = self.convolve(features * self.width, 3)(x, known)
            x = nn.leaky_relu(x, 0.2)
        gray = nn.initializers.constant(0.5)  # to start from; the first steps would only find the right brightness
        last = self.convolve(CHANNELS, 3, kernel_init=nn.initializers.normal(0.01), bias_init=gray)
        return last(*_joined(x, known, *passed.pop()))[0]

    def convolve(self, features: int, side: int, **options: Any) -> PartialConv:
        return PartialConv(
            features, side, multi_channel=True, **{"kernel_init": nn.initializers.he_normal(), **options}
        )


def _joined(x: jax.Array, known: jax.Array, side: jax.Array, side_known: jax.Array) -> tuple[jax.Array, jax.Array]:
    """At twice the size, with the channels from the side; the same for the masks."""
    return jnp.concatenate([_doubled(x), side], axis=-1), jnp.concatenate([_doubled(known), side_known], axis=-1)


def _doubled(x: jax.Array) -> jax.Array:
    return x.repeat(2, axis=1).repeat(2, axis=2)


class PatchDiscriminator(nn.Module):
    """Logits of overlapping patches and the features of its blocks; spectral normalization as Miyato et al. 2018."""

    width: int
    stages: tuple[tuple[int, int], ...] = ((1, 2), (2, 2), (4, 2), (4, 1))  # widths as multiples of that, and strides

    @nn.compact
    def __call__(self, image: jax.Array, update_stats: bool) -> tuple[jax.Array, list[jax.Array]]:
        x, blocks = 2 * image - 1, []
        for features, strides in self.stages:
            convolution = nn.Conv(features * self.width, (4, 4), strides)
            x = nn.leaky_relu(nn.SpectralNorm(convolution)(x, update_stats=update_stats), 0.2)
            blocks.append(x)
        return nn.SpectralNorm(nn.Conv(1, (4, 4)))(x, update_stats=update_stats), blocks


STROKES, PIECES = 3, 4


def irregular_mask(key: jax.Array, side: int) -> jax.Array:
    """`[side, side]`, 1 = known, 0 = under one of a few brush strokes of several straight pieces each."""
    start_key, angle_key, turn_key, length_key, width_key = jax.random.split(key, 5)
    # Axes: stroke, piece, row, column, coordinate.
    start = jax.random.uniform(start_key, (STROKES, 1, 1, 1, 2))
    angle = jax.random.uniform(angle_key, (STROKES, 1, 1, 1), maxval=2 * jnp.pi)
    angle += jax.random.normal(turn_key, (STROKES, PIECES, 1, 1)).cumsum(axis=1)
    length = jax.random.uniform(length_key, (STROKES, PIECES, 1, 1, 1), minval=0.1, maxval=0.35)
    radius = jax.random.uniform(width_key, (STROKES, 1, 1, 1), minval=0.03, maxval=0.08)
    piece = length * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
    end = start + piece.cumsum(axis=1)
    pixel = (jnp.indices((1, 1, side, side))[2:].transpose(1, 2, 3, 4, 0) + 0.5) / side
    # The point of a piece that is nearest to a pixel: its foot, or an end.
    share = ((end - pixel) * piece).sum(axis=-1, keepdims=True) / (piece**2).sum(axis=-1, keepdims=True)
    distance = jnp.linalg.norm(end - share.clip(0, 1) * piece - pixel, axis=-1)
    return (distance > radius).all(axis=(0, 1)).astype(jnp.float32)


def random_masks(key: jax.Array, count: int, side: int) -> jax.Array:
    """`[count, side, side]`, 1 = known."""
    return jax.vmap(irregular_mask, in_axes=(0, None))(jax.random.split(key, count), side)


def fill(image: jax.Array, mask: jax.Array) -> jax.Array:
    """`[..., H, W, 3]` with the mean color of the known pixels in the hole: what a network has to be better than."""
    known = mask[..., None]
    total = (known * image).sum(axis=(-3, -2), keepdims=True)
    mean = total / jnp.maximum(known.sum(axis=(-3, -2), keepdims=True), 1)
    return compose(mean, image, mask)


def compose(output: jax.Array, image: jax.Array, mask: jax.Array) -> jax.Array:
    """The output in the hole, the image around it."""
    return jnp.where(mask[..., None] > 0, image, output)
