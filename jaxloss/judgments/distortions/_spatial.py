"""Pixels in other places: moved, bent, doubled, and apart by color."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ..._checks import as_scalar, check_choice, check_image, error_text
from ..._types import Array, Image, ImageArray, Scalar
from ._sampling import pixel_grid, pixel_lines, sample, sample_lines
from ._ycbcr import check_color


Matrix = Array | np.ndarray | Sequence[Sequence[float]]

INTERPOLATIONS = ("linear", "cubic")


def shift(x: Image, *, down: Scalar, right: Scalar) -> ImageArray:
    """The image moved by any part of a pixel, bilinearly; what comes in over the border is its mirror image.

    Args:
        x: The image.
        down: Way of the content in pixels; negative is up. -8 to 8 are useful.
        right: Way of the content in pixels; negative is left.

    Returns:
        Same shape, values in [0, 1].

    Gradient:
        Of x the move back; of the way the difference of neighbors that are interpolated.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import shift
        >>> moved = jax.jit(lambda x: shift(x, down=0.0, right=0.5))(jnp.array([[[0.0], [0.25], [1.0]]]))
        >>> print(moved.ravel())
        [0.    0.125 0.625]
    """
    x = check_image("shift", "x", x)
    return jnp.clip(_moved(x, down, right), 0, 1)


def homography(x: Image, *, matrix: Matrix) -> ImageArray:
    """The image seen in perspective: every pixel is looked up where the matrix sends its position.

    Positions are `(u, v, 1)`: u to the right and v down from the center of the image, each 1 at its border. An affine
    map has the last row `(0, 0, 1)`. Looked up bilinearly; beyond the border the image goes on mirrored.

    Args:
        x: The image.
        matrix: `[3, 3]`, from positions in the result to positions in x, as `(a u + b v + c) / (g u + h v + i)`. Useful
            are entries that differ from the identity's by up to 0.2; the denominator must stay positive in the image.

    Returns:
        Same shape, values in [0, 1].

    Raises:
        ValueError: For a matrix of another shape.

    Gradient:
        That of the bilinear interpolation, of x and of the matrix.

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> from jaxloss.judgments.distortions import homography
        >>> ramp = jnp.array([0.0, 0.25, 0.5, 0.75]).reshape(1, 4, 1)
        >>> mirrored = np.diag([-1.0, 1.0, 1.0])
        >>> print(jax.jit(lambda x: homography(x, matrix=mirrored))(ramp).ravel())
        [0.75 0.5  0.25 0.  ]
    """
    x = check_image("homography", "x", x)
    matrix = jnp.asarray(matrix, x.dtype)
    if matrix.shape != (3, 3):
        way_out = "An affine map has the last row (0, 0, 1)."
        raise ValueError(error_text("homography", "matrix of shape (3, 3)", matrix.shape, way_out))
    height, width = x.shape[-3:-1]
    rows, columns = pixel_grid(x)
    u, v = (columns - (width - 1) / 2) / (width / 2), (rows - (height - 1) / 2) / (height / 2)
    u, v, scale = (row[0] * u + row[1] * v + row[2] for row in matrix)
    sampled = sample(x, v / scale * (height / 2) + (height - 1) / 2, u / scale * (width / 2) + (width - 1) / 2)
    return jnp.clip(sampled, 0, 1)


def grid_warp(x: Image, *, displacements: Array | np.ndarray, interpolation: str) -> ImageArray:
    """The image bent by a coarse grid of displacements, which pixels between its points share.

    Args:
        x: The image.
        displacements: `[rows, columns, 2]`, how far down and to the right of its place each cell of the grid looks up
            its pixel, in shares of the height and the width; 4 x 4 cells and -0.08 to 0.08 are useful.
        interpolation: `"linear"`, which bends lines sharply, or `"cubic"`, which bends them smoothly.

    Returns:
        Same shape, values in [0, 1].

    Raises:
        ValueError: For displacements of another shape, or another interpolation.

    Gradient:
        That of the bilinear interpolation of x, of x and of the displacements.

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> from jaxloss.judgments.distortions import grid_warp
        >>> ramp = jnp.array([0.0, 0.25, 0.5, 0.75, 1.0]).reshape(1, 5, 1)
        >>> stretch = np.array([[[0.0, 0.2], [0.0, -0.2]]])  # two cells that look at each other
        >>> warped = jax.jit(lambda x: grid_warp(x, displacements=stretch, interpolation="linear"))(ramp)
        >>> print(" ".join(f"{value:.2f}" for value in warped.ravel()))
        0.25 0.45 0.50 0.55 0.75
    """
    x = check_image("grid_warp", "x", x)
    check_choice("grid_warp", "interpolation", interpolation, INTERPOLATIONS)
    displacements = jnp.asarray(displacements, x.dtype)
    if displacements.ndim != 3 or displacements.shape[-1] != 2:
        way_out = "The last axis is the way down and the way right."
        raise ValueError(error_text("grid_warp", "displacements [rows, columns, 2]", displacements.shape, way_out))
    field = jax.image.resize(
        displacements, (*x.shape[-3:-1], 2), interpolation, antialias=False, precision=jax.lax.Precision.HIGHEST
    )
    height, width = x.shape[-3:-1]
    rows, columns = pixel_grid(x)
    return jnp.clip(sample(x, rows + height * field[..., 0], columns + width * field[..., 1]), 0, 1)


def ghosting(x: Image, *, weight: Scalar, down: Scalar, right: Scalar) -> ImageArray:
    """A second image, moved, shines through: `(1 - weight) x + weight shift(x)`.

    Args:
        x: The image.
        weight: Of the second image, in [0, 1]; at 0.5 both are alike.
        down: How far it is moved, in pixels, see `shift`; -12 to 12 are useful.
        right: Likewise.

    Returns:
        Same shape, values in [0, 1].

    Gradient:
        Exact, of x and of the weight; of the way that of the bilinear interpolation.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import ghosting
        >>> dot = jnp.array([0.0, 0.0, 1.0, 0.0]).reshape(1, 4, 1)
        >>> print(jax.jit(lambda x: ghosting(x, weight=0.25, down=0.0, right=-1.0))(dot).ravel())
        [0.   0.25 0.75 0.  ]
    """
    x = check_image("ghosting", "x", x)
    weight = as_scalar(weight, x.dtype)
    return jnp.clip((1 - weight) * x + weight * _moved(x, down, right), 0, 1)


def chromatic_aberration(x: Image, *, spread: Scalar) -> ImageArray:
    """Red magnified and blue reduced about the center, as lenses do: fringes that grow towards the corners.

    Args:
        x: `[..., H, W, 3]`, RGB.
        spread: By which share, in [0, 1); 0 to 0.06 are useful. At the border the colors part by `spread / 2` times
            the side of the image in each direction.

    Returns:
        Same shape, values in [0, 1].

    Raises:
        ValueError: For other than three channels.

    Gradient:
        That of the bilinear interpolation, of x and of the spread.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments.distortions import chromatic_aberration
        >>> bar = jnp.repeat(jnp.array([0.0, 1.0, 0.0, 0.0, 0.0]), 3).reshape(1, 5, 3)
        >>> print(jax.jit(lambda x: chromatic_aberration(x, spread=0.25))(bar)[0, 1])
        [0.75 1.   0.75]
    """
    x = check_image("chromatic_aberration", "x", x)
    check_color("chromatic_aberration", x)
    rows, columns = pixel_lines(x)
    middle, center = (x.shape[-3] - 1) / 2, (x.shape[-2] - 1) / 2
    spread = as_scalar(spread, x.dtype)
    red, blue = (
        sample_lines(
            x[..., channel : channel + 1], middle + scale * (rows - middle), center + scale * (columns - center)
        )
        for channel, scale in ((0, 1 - spread), (2, 1 + spread))
    )
    return jnp.clip(jnp.concatenate([red, x[..., 1:2], blue], axis=-1), 0, 1)


def _moved(x: Array, down: Scalar, right: Scalar) -> Array:
    rows, columns = pixel_lines(x)
    return sample_lines(x, rows - as_scalar(down, x.dtype), columns - as_scalar(right, x.dtype))
