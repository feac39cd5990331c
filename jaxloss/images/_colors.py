"""A perceptual color map: dark is little, bright is much, and equal steps look equal."""

import numpy as np


# Nine samples of Matplotlib's "inferno" (Smith and van der Walt, CC0), at equal distances.
INFERNO = (
    (0, 0, 4),
    (33, 12, 74),
    (87, 16, 110),
    (138, 34, 106),
    (188, 55, 84),
    (228, 90, 49),
    (249, 142, 9),
    (249, 203, 53),
    (252, 255, 164),
)
OUTSIDE = (225, 225, 225)


def colorize(values: np.ndarray, *, lowest: float = 0.0, highest: float = 1.0) -> np.ndarray:
    """Numbers to colors.

    Args:
        values: `[H, W]`; numbers beyond the ends take the color of the end, NaN becomes light gray.
        lowest: The number shown darkest.
        highest: The number shown brightest.

    Returns:
        `[H, W, 3]`, uint8.
    """
    position = np.clip((np.nan_to_num(values) - lowest) / (highest - lowest), 0, 1) * (len(INFERNO) - 1)
    anchors = np.arange(len(INFERNO))
    colors = np.stack([np.interp(position, anchors, channel) for channel in np.transpose(INFERNO)], axis=-1)
    return np.where(np.isnan(values)[..., None], OUTSIDE, np.rint(colors)).astype(np.uint8)
