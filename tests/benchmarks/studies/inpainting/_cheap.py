"""Contests whose losses need no network, and networks of one and two convolutions: what compiles fast."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from benchmarks.studies.inpainting import _training
from benchmarks.studies.inpainting._networks import PatchDiscriminator
from benchmarks.studies.inpainting._training import COORDFILL, PCONV, Contest, Size


TINY = Size(width=2, discriminator_width=2, crop=16, batch=2, steps=6, learning_rate=5e-3, chunk=2)

_PIXELS = tuple(term for term in PCONV.terms if not term.net)
_OF_DISCRIMINATOR = tuple(term for term in COORDFILL.terms if not term.net)
ALONE = Contest("pixels alone", dataclasses.replace(PCONV, terms=_PIXELS))
ADVERSARIAL = Contest("with discriminator", dataclasses.replace(COORDFILL, terms=_PIXELS + _OF_DISCRIMINATOR))


class OneConvolution(nn.Module):
    """In place of the U-Net."""

    width: int

    @nn.compact
    def __call__(self, image: jax.Array, mask: jax.Array) -> jax.Array:
        return nn.Conv(3, (3, 3))(jnp.where(mask[..., None] > 0, image, 0)) + 0.5


@pytest.fixture
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_training, "InpaintingNetwork", OneConvolution)
    monkeypatch.setattr(_training, "PatchDiscriminator", partial(PatchDiscriminator, stages=((1, 2),)))
