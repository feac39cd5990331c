"""Temporal LPIPS of videos (Chu, Xie, Mayer, Leal-Taixé, Thuerey 2020)."""

from typing import Unpack

import jax.numpy as jnp

from .._checks import check_pair, error_text
from .._types import Params, Scalar, Scores, Video
from ._lpips import LPIPSOptions, score_steps


def temporal_lpips(
    x: Video, y: Video, *, params: Params, data_range: Scalar, **options: Unpack[LPIPSOptions]
) -> Scores:
    r"""tLP: how much more, or less, than the reference a video changes from frame to frame, as people see it.

    $$\frac{1}{T-1} \sum_{t=1}^{T-1} \left|\mathrm{LPIPS}(x_t, x_{t+1}) - \mathrm{LPIPS}(y_t, y_{t+1})\right|$$

    A video that flickers changes too much, one whose details stand still too little. What the frames themselves are
    like is for `lpips` to say, frame by frame.

    Args:
        x, y: Videos, `[..., T, H, W, 3]` with at least two frames; else see `jaxloss.perceptual`.
        params, data_range, options: As for `lpips`. Features of all frames are there at once; with `strip_rows`, of
            that many rows.

    Returns:
        `[...]`, >= 0; lower is better, 0 for equal videos. The authors' tables have it times 100.

    Gradient:
        Finite everywhere. Where a step is equally large in both videos there is a kink, and a subgradient.

    Example:
        >>> import jax, jaxloss
        >>> params = jaxloss.load_params("lpips-alex")
        >>> y = jax.random.uniform(jax.random.key(0), (2, 64, 64, 3))
        >>> x = y.at[1].set(y[0])  # stands still
        >>> print(jax.jit(jaxloss.temporal_lpips)(x, y, params=params, data_range=1.0).round(3))
        0.131

    Reference:
        Chu et al., "Learning temporal coherence via self-supervision for GAN-based video generation", ACM Transactions
        on Graphics 39(4), 2020. https://arxiv.org/abs/1811.09393
    """
    name = "temporal_lpips"
    x, y = check_pair(name, x, y)
    if x.ndim < 4 or x.shape[-4] < 2:
        way_out = "Videos have an axis of frames before height, width and channels."
        raise ValueError(error_text(name, "x of shape [..., T, H, W, C] with T >= 2", x.shape, way_out))
    # Apart, not as one batch: then the backward pass runs for the videos alone that are differentiated.
    steps_x, steps_y = (score_steps(name, z, params, data_range, options) for z in (x, y))
    return jnp.abs(steps_x - steps_y).mean(axis=-1)
