"""Style transfer in three numbers: what is kept of the content, what is taken of the style, and what is of neither."""

from typing import NamedTuple

import jax
import numpy as np

from .._files import InputError
from .._types import Array, ArrayLike, Features, Params
from ..images._stylize import (
    NETWORK,
    SMALLEST,
    STYLE_LAYERS,
    color_image,
    features_of,
    grams_of,
    resized,
    style_distance,
)
from ..perceptual._lpips import lpips
from ..registry import METRICS
from ..weights._load import load_params


LEAST = max(SMALLEST, METRICS["lpips"].smallest)
CELLS = 8  # into which frequencies from 0 to half a period per pixel are divided, along each axis
FIRST_HIGH = CELLS // 2  # that of a quarter: waves of 4 pixels and shorter, where upsampling leaves its traces


class StyleScore(NamedTuple):
    """How well a picture has the content of one image and the style of another.

    Attributes:
        content: How much of the content is preserved, at most 1: that of the content itself; 0 where the picture is as
            far from it as the style image is. Higher is better.
        style: The share of the distance in style that is closed, at most 1: that of the style image; 0 for the content
            as it was, below 0 where the style has become less like. Higher is better.
        artifacts: The share of the energy of fine detail that is in neither image, in [0, 1]; 0 for both of them.
            Lower is better.
    """

    content: float
    style: float
    artifacts: float


def style_score(content: ArrayLike, style: ArrayLike, stylized: ArrayLike) -> StyleScore:
    r"""Score a stylized picture p of a content c in a style s.

    $$1 - \frac{\mathrm{LPIPS}(p, c)}{\mathrm{LPIPS}(s', c)} \qquad 1 - \frac{L(p, s)}{L(c, s)} \qquad
    \frac{\sum_f \max(0, P_p - \max(P_c, P_{s'}))}{\sum_f P_p}$$

    L is the style loss of the authors' notebook, `STYLE_CONVENTIONS["gatys_pytorch"]`, in the features of VGG16. P is
    the power in a cell f of frequencies, the mean over the colors, of the image under a Hann window; f runs over the
    48 of 8 x 8 cells in which a wave is at most 4 pixels long in one direction: a checkerboard of upsampling is in one
    of them, grain in all. The content is scaled to the size of the picture, s to its longest side, and s' is s scaled
    to cover the picture and cropped to its middle.

    Args:
        content: `[H, W, 3]`, or `[H, W, 1]` for gray; floating, values in [0, 1].
        style: Likewise, of any size.
        stylized: Likewise, with the proportions of the content, and at most of its resolution: where an image has to
            be enlarged, it lacks fine detail.

    Returns:
        A `StyleScore`.

    Raises:
        InputError: If the images are not of such shapes and values, too small for the networks, or content and style
            are the same.
        TypeError: For integer images.

    Example:
        >>> from jaxloss.evaluate import style_score
        >>> from jaxloss.images import distort, sample_photograph
        >>> content = sample_photograph()[:64, :64]
        >>> found = style_score(content, distort(content, "pixelation"), content)
        >>> print(found.content, found.style, found.artifacts)
        1.0 0.0 0.0

    Reference:
        Zhang et al., CVPR 2018, https://arxiv.org/abs/1801.03924; Gatys, Ecker, Bethge, CVPR 2016; Odena, Dumoulin,
        Olah, "Deconvolution and checkerboard artifacts", 2016, https://doi.org/10.23915/distill.00003.
    """
    name = "style_score"
    picture, kept, taken = (
        color_image(name, argument, image)
        for argument, image in {"stylized": stylized, "content": content, "style": style}.items()
    )
    kept, whole, middle = _at_its_scale(picture, kept, taken)
    params = load_params(NETWORK)
    grams, goal = [_grams(image, params) for image in (picture, kept)], _grams(whole, params)
    to_style, style_apart = (float(_style_distance(of_image, goal)) for of_image in grams)
    params = load_params("lpips-alex")
    to_content, content_apart = (float(_content_distance(image, kept, params)) for image in (picture, middle))
    if not (content_apart and style_apart):
        raise InputError("content and style are the same to the networks: there is nothing to transfer.")
    artifacts = _excess(*(np.asarray(image, np.float64) for image in (picture, kept, middle)))
    return StyleScore(1 - to_content / content_apart, 1 - to_style / style_apart, artifacts)


# A program for each size, which images of one size share.
@jax.jit
def _grams(image: Array, params: Params) -> Features:
    return grams_of(features_of(image, params, STYLE_LAYERS))


_style_distance = jax.jit(style_distance)


@jax.jit
def _content_distance(image: Array, content: Array, params: Params) -> Array:
    return lpips(image, content, params=params, data_range=1.0)


def _at_its_scale(picture: Array, content: Array, style: Array) -> tuple[Array, Array, Array]:
    """The content at the size of the picture, the style at its scale, and the middle of a style that covers it."""
    height, width = picture.shape[:2]
    expected = _scaled_to(content, max(height, width) / max(content.shape[:2]))
    if max(abs(height - expected[0]), abs(width - expected[1])) > 1:  # sides are rounded in more than one way
        sizes = f"{width} x {height} pixels and the content {content.shape[1]} x {content.shape[0]}"
        raise InputError(f"the stylized picture is {sizes}. Both must have the same proportions: crop one of them.")
    whole = _scaled_to(style, max(height, width) / max(style.shape[:2]))
    for argument, size, least in (("stylized", (height, width), LEAST), ("style", whole, SMALLEST)):
        if min(size) < least:
            got = f"{size[1]} x {size[0]} pixels at the scale of the picture"
            raise InputError(f"{argument} is {got}; {least} x {least} are needed.")
    cover = resized(style, *_scaled_to(style, max(height / style.shape[0], width / style.shape[1])))
    top, left = (cover.shape[0] - height) // 2, (cover.shape[1] - width) // 2
    middle = cover[top : top + height, left : left + width]
    return resized(content, height, width), resized(style, *whole), middle


def _scaled_to(image: Array, factor: float) -> tuple[int, int]:
    return round(image.shape[0] * factor), round(image.shape[1] * factor)


def _excess(picture: np.ndarray, *sources: np.ndarray) -> float:
    """The share of the power of high frequencies that is beyond that of both sources."""
    power = _cells(picture)
    known = np.max([_cells(source) for source in sources], axis=0)
    total = power.sum()
    return float(np.maximum(power - known, 0).sum() / total) if total else 0.0


def _cells(image: np.ndarray) -> np.ndarray:
    """Power of an image `[H, W, C]` by cell of high frequencies, `[48]`."""
    height, width = image.shape[:2]
    window = np.multiply.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])[..., None]
    waves = np.fft.fft2((image - image.mean(axis=(0, 1))) * window, axes=(0, 1))
    power = (np.abs(waves) ** 2).mean(axis=-1) / (window**2).sum()
    row, column = (
        np.minimum((2 * CELLS * np.abs(np.fft.fftfreq(side))).astype(int), CELLS - 1) for side in (height, width)
    )
    cells = np.zeros((CELLS, CELLS))
    np.add.at(cells, (row[:, None], column), power)
    high = np.maximum.outer(np.arange(CELLS), np.arange(CELLS)) >= FIRST_HIGH
    return cells[high]
