"""Gradient magnitude similarity deviation (Xue, Zhang, Mou, Bovik 2014)."""

from .._checks import Pair, as_scalar, check_choice, check_fits, check_positive, masked_pair
from .._types import Array, Image, Map, Mask, Scalar, Scores
from ..ops._color import luma_pair
from ..ops._gradients import gradient_magnitude
from ..ops._pooling import masked_deviation
from ..ops._pyramids import average_pool


T = 170 / 255**2  # of values in [0, 1]
DEVIATIONS = {"sample": 1, "population": 0}  # what is subtracted from the number of positions


def gmsd(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None, deviation: str = "sample") -> Scores:
    r"""Gradient magnitude similarity deviation: how unevenly edges are kept.

    $$\mathrm{GMSD} = \mathrm{std}\left(\frac{2 m_x m_y + T}{m_x^2 + m_y^2 + T}\right)$$

    of the Prewitt gradient magnitudes m of luma at half the resolution. Pixels of weight 0 are black in both images.

    Args:
        x, y, data_range, mask: See `jaxloss.metrics`. 1 channel (gray) or 3 (RGB), 3 x 3 pixels or more.
        deviation: `"sample"` (the authors' code, pyiqa) or `"population"` (the paper's formula, piq).

    Returns:
        `[...]` in [0, 1]; lower is better, exactly 0 for equal images.

    Gradient:
        Finite everywhere; 0 for equal images, and where all positions are equally similar.

    Example:
        >>> import jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.gmsd)(0.5 * y, y, data_range=1.0).round(3))
        0.047

    Reference:
        "Gradient magnitude similarity deviation", IEEE TIP 23, 2014. https://doi.org/10.1109/TIP.2013.2293423
    """
    check_choice("gmsd", "deviation", deviation, DEVIATIONS)
    pair = masked_pair("gmsd", x, y, mask)
    weight = None if pair.mask is None else average_pool(pair.mask[..., None])[..., 0]
    return masked_deviation(_dissimilarity("gmsd", pair, data_range), weight, less=DEVIATIONS[deviation])


def gmsd_map(x: Image, y: Image, *, data_range: Scalar, mask: Mask | None = None) -> Map:
    """The similarity at each position, `[..., ceil(H / 2), ceil(W / 2), 1]` in (0, 1]; `gmsd` is its deviation."""
    return 1 - _dissimilarity("gmsd_map", masked_pair("gmsd_map", x, y, mask), data_range)


def _dissimilarity(name: str, pair: Pair, data_range: Scalar) -> Array:
    """One minus the similarity, in which equal images differ by exactly 0."""
    check_positive(name, "data_range", data_range)
    check_fits(name, "two cells of 2 x 2", 3, pair.x, "Enlarge the images.")
    x, y, _ = luma_pair(name, pair)
    # Halved as by MATLAB's conv2(z, ones(2) / 4, "same") and every other pixel.
    halves = (average_pool(z, odd="zero_after") for z in (x, y))
    m_x, m_y = (gradient_magnitude(z, kernel="prewitt", scale=2.0) for z in halves)
    return (m_x - m_y) ** 2 / (m_x**2 + m_y**2 + T * as_scalar(data_range, x.dtype) ** 2)
