"""Shift-tolerant LPIPS (Ghildyal, Liu 2022)."""

from jax.typing import DTypeLike

from .._checks import check_choice
from .._types import Image, Mask, Params, Scalar, Scores
from ._lpips import LPIPSOptions, score_pair


NETS = {"alex": "st_alex", "vgg": "st_vgg"}  # as `lpips` calls them


def st_lpips(
    x: Image,
    y: Image,
    *,
    params: Params,
    data_range: Scalar,
    mask: Mask | None = None,
    net: str = "alex",
    dtype: DTypeLike | None = None,
    precision: str = "highest",
    strip_rows: int | None = None,
) -> Scores:
    r"""Shift-tolerant LPIPS: `lpips` that shifts by a pixel or two, which people do not see, hardly change.

    The formula is that of `lpips`. Its networks take no steps without blurring first, mirror the image at its border
    where they pool, and were trained anew, with their weights, on the judgements of BAPPS.

    Args:
        x, y, data_range, mask: See `jaxloss.perceptual`; RGB.
        params: `load_params("lpips-st_alex")`, as for `lpips`; of VGG16 those that `jaxloss weights convert` makes of
            the authors' `vgg_shift_tolerant.pth`.
        net: `"alex"` (default) or `"vgg"`.
        dtype, precision, strip_rows: As for `lpips`.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal images. The scores of the authors' package: 1e-5. Layers, maps and
        features are those of `lpips_map(..., net="st_alex")` and its like.

    Gradient:
        As that of `lpips`.

    Example:
        >>> import jax, jaxloss
        >>> params = jaxloss.load_params("lpips-st_alex")
        >>> y = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> print(jax.jit(jaxloss.st_lpips)(0.5 * y, y, params=params, data_range=1.0).round(3))
        0.215

    Reference:
        Ghildyal, Liu, "Shift-tolerant perceptual similarity metric", ECCV 2022. https://arxiv.org/abs/2207.13686
    """
    check_choice("st_lpips", "net", net, NETS)
    options: LPIPSOptions = {"net": NETS[net], "dtype": dtype, "precision": precision, "strip_rows": strip_rows}
    return score_pair("st_lpips", x, y, params, data_range, mask, options)
