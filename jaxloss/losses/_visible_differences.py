"""Losses that count the differences which an observer sees."""

from .._checks import masked_pair
from .._types import Image, Mask, Params, Scalar, Scores
from ..metrics._butteraugli import pool, visible_difference
from ..metrics._cvvdp import lost_quality
from ..metrics._ssimulacra2 import SCALES, weighted_error
from ..ops._displays import Display


def butteraugli_loss(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, intensity_target: Scalar = 80.0,
    hf_asymmetry: Scalar = 1.0, scales: int = 2,
) -> Scores:  # fmt: skip
    """The 3-norm of Butteraugli's map: `L = butteraugli(x, y, norm=3)`.

    The maximum, by which images are mostly compared, depends on the pixels around a single one.

    Args:
        x, y, data_range, mask: See `jaxloss.losses`.
        intensity_target, hf_asymmetry, scales: As for `butteraugli`.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal images.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (8, 8, 3))
        >>> print(jax.jit(jaxloss.butteraugli_loss)(0.9 * y, y, data_range=1.0).round(1))
        6.8

    Reference:
        Alakuijala et al. 2017. https://arxiv.org/abs/1703.04421
    """
    pair = masked_pair("butteraugli_loss", x, y, mask)
    field = visible_difference("butteraugli_loss", pair, data_range, intensity_target, hf_asymmetry, scales)
    return pool(field, pair.mask, 3.0)


def cvvdp_loss(
    x: Image, y: Image, *, data_range: Scalar, params: Params, mask: Mask | None = None,
    display: str | Display = "standard_4k",
) -> Scores:  # fmt: skip
    """The quality that ColorVideoVDP finds lost: `L = 10 - cvvdp(x, y)`.

    Small losses have all their digits, which `10 - cvvdp(x, y)` has not.

    Args:
        x, y, data_range, mask: See `jaxloss.losses`.
        params, display: As for `cvvdp`.

    Returns:
        `[...]` in JOD, >= 0; lower is better, 0 for equal images.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (16, 16, 3))
        >>> params = jaxloss.load_params("cvvdp")
        >>> print(jax.jit(jaxloss.cvvdp_loss)(1 - y, y, data_range=1.0, params=params).round(2))
        5.01

    Reference:
        Mantiuk et al. 2024. https://doi.org/10.1145/3658144
    """
    return lost_quality("cvvdp_loss", masked_pair("cvvdp_loss", x, y, mask), data_range, params, display)


def ssimulacra2_loss(
    x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, scales: int = SCALES,
) -> Scores:  # fmt: skip
    """The weighted sum of errors, u, of which `ssimulacra2` is a decreasing function.

    The score itself is ever steeper towards equal images.

    Args:
        x, y, data_range, mask: See `jaxloss.losses`.
        scales: As for `ssimulacra2`.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal images. Scores of 90, 70, 50 and 0 are 0.45, 2.6, 6.2 and 21.

    Gradient:
        Finite everywhere, 0 for equal images.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (8, 8, 3))
        >>> print(jax.jit(jaxloss.ssimulacra2_loss)(0.5 * y, y, data_range=1.0).round(2))
        0.82

    Reference:
        Sneyers, https://github.com/cloudinary/ssimulacra2
    """
    return weighted_error("ssimulacra2_loss", x, y, data_range, mask, scales)
