"""XPSNR of the first frame of a video, in float64, block by block and in the order of Fraunhofer HHI's filter."""

import numpy as np


COARSE = 2048 * 1152
SMOOTHED = 640 * 480

NEAR_KERNEL = np.array(((-1, -2, -1), (-2, 12, -2), (-1, -2, -1)))
FAR_KERNEL = -np.array(
    (
        (0, 1, 1, 1, 1, 0),
        (1, 2, 3, 3, 2, 1),
        (1, 3, -12, -12, 3, 1),
        (1, 3, -12, -12, 3, 1),
        (1, 2, 3, 3, 2, 1),
        (0, 1, 1, 1, 1, 0),
    )
)


def xpsnr(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of each plane `[C, H, W]` in [0, 255], of which the first is luma."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    _, height, width = y.shape
    share = height * width / (3840 * 2160)
    side = 4 * int(32 * np.sqrt(share) + 0.5)
    squared = (x - y) ** 2
    if side < 4:
        errors = squared.sum(axis=(1, 2))
    else:
        weights = block_weights(y[0], side)
        rows, columns = np.arange(height) // side, np.arange(width) // side
        scale = np.sqrt(16 * 2 ** (2 * 8 - 9) / np.sqrt(max(1e-5, share)))
        errors = scale * (squared * weights[rows][:, columns]).sum(axis=(1, 2))
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 * height * width / errors)


def block_weights(y: np.ndarray, side: int) -> np.ndarray:
    height, width = y.shape
    weights = np.ones((-(-height // side), -(-width // side)))
    margin = 2 if height * width > COARSE else 1
    for r, c in np.ndindex(weights.shape):
        top, left = max(r * side, margin), max(c * side, margin)
        bottom, right = min((r + 1) * side, height - margin), min((c + 1) * side, width - margin)
        if bottom <= top or right <= left:
            continue
        total = 0.0
        for i in range(top, bottom, margin):
            for j in range(left, right, margin):
                around = y[i - margin : i + margin + 2, j - margin : j + margin + 2]
                total += abs((FAR_KERNEL * around).sum() if margin == 2 else (NEAR_KERNEL * around[:3, :3]).sum())
        activity = total / ((bottom - top) * (right - left))
        block = y[r * side : (r + 1) * side, c * side : (c + 1) * side]
        weights[r, c] = 1 / max(activity + 2 * block.mean(), 4)
    if height * width <= SMOOTHED:
        smooth(weights)
    return weights


def smooth(weights: np.ndarray) -> None:
    """In place: no block weighs more than the heaviest of those to its left (smoothed), above (likewise), right."""
    for r, c in np.ndindex(weights.shape):
        left = weights[r, c - 1] if c else 0
        above = weights[r - 1, c] if r else 0
        right = weights[r, c + 1] if c + 1 < weights.shape[1] else 0
        weights[r, c] = min(weights[r, c], max(left, above, right))
