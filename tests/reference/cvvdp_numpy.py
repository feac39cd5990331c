"""ColorVideoVDP of one pair of images, slowly, from its description: every filter is a matrix, in float64."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


Z = np.ndarray

RGB_TO_XYZ = {
    "bt709": [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    "bt2020": [[0.6370, 0.1446, 0.1689], [0.2627, 0.6780, 0.0593], [0, 0.0281, 1.0610]],
}
XYZ_TO_LMS = [
    [0.187596268556126, 0.585168649077728, -0.026384263306304],
    [-0.133397430663221, 0.405505777260049, 0.034502127690364],
    [0.000244379021663, -0.000542995890619, 0.019406849066323],
]
LMS_TO_DKL = [[1, 1, 0], [1, -2.311130179947035, 0], [-1, -1, 50.977571328718781]]


class Result(NamedTuple):
    jod: float
    heat: Z  # [H, W], 1 - JOD / 10 of each pixel


def reduction(size: int, *, odd: bool) -> Z:
    """`[size // 2 rounded up, size]`: a filter of five taps at every second sample, mirrored at the ends.

    What is added to the last row depends on `odd`, which of the columns is the parity of the number of rows.
    """
    taps = [0.05, 0.25, 0.4, 0.25, 0.05]
    matrix = np.zeros((-(-size // 2), size))
    for row in range(len(matrix)):
        for offset, tap in enumerate(taps):
            column = 2 * row + offset - 2
            if 0 <= column < size:
                matrix[row, column] += tap
    matrix[0, :2] += [0.25, 0.05]
    if odd:
        matrix[-1, -1] += 0.25
        matrix[-1, -2] += 0.05
    else:
        matrix[-1, -1] += 0.05
    return matrix


def expansion(size: int) -> Z:
    """`[size, size // 2 rounded up]`: samples with zeros in between, the first and the last one repeated outside."""
    half = -(-size // 2)
    spread = np.zeros((2 * half + 4, half))  # positions -2 to 2 half + 1
    for position in range(-2, 2 * half + 1, 2):
        spread[position + 2, min(max(position // 2, 0), half - 1)] = 1
    taps = [0.1, 0.5, 0.8, 0.5, 0.1]
    return np.array([sum(tap * spread[row + k] for k, tap in enumerate(taps)) for row in range(size)])


def blur(size: int) -> Z:
    """`[size, size]`: a Gaussian of deviation 3 and 13 taps, mirrored without repeating the first and last sample."""
    taps = np.exp(-(np.arange(-6, 7) ** 2) / 18)
    matrix = np.zeros((size, size))
    for row in range(size):
        for offset, tap in zip(range(-6, 7), taps / taps.sum(), strict=True):
            column = abs(row + offset)
            matrix[row, column if column < size else 2 * (size - 1) - column] += tap
    return matrix


def power(z: Z, exponent: Z | float) -> Z:
    return (z + 1e-5) ** exponent - 1e-5**exponent


def norm(z: Z, order: float, count: int, axis: int | tuple[int, int]) -> Z:
    return power(power(z, order).sum(axis=axis) / count, 1 / order)


def to_jod(q: Z) -> Z:
    a, b = 0.0439569391310215, 0.9302042722702026
    return 10 - np.where(q <= 0.1, a * 0.1 ** (b - 1) * q, a * np.maximum(q, 0.1) ** b)


def sensitivity(table: Z, frequency: float, luminance: Z) -> Z:
    """Bilinear in the logarithms of both, over a table `[32, 32]` by luminance and frequency."""
    frequencies = np.linspace(-1, np.log10(64), 32)
    k = np.clip(np.searchsorted(frequencies, np.log10(frequency)) - 1, 0, 30)
    part = (np.log10(frequency) - frequencies[k]) / (frequencies[1] - frequencies[0])
    row = table[:, k] + part * (table[:, k + 1] - table[:, k])
    return 10 ** (np.interp(np.log10(luminance), np.linspace(np.log10(0.005), 4, 32), row) - 0.2797423303127289 / 20)


def cvvdp(
    x_light: Z, y_light: Z, params: Mapping[str, Z], pixels_per_degree: float, primaries: str = "bt709"
) -> Result:
    """Of light `[H, W, 3]` in cd/m2; test image first."""
    to_opponent = np.array(LMS_TO_DKL) @ np.array(XYZ_TO_LMS) @ np.array(RGB_TO_XYZ[primaries])
    levels = [np.einsum("oc,ihwc->iohw", to_opponent, np.stack([x_light, y_light]))]  # [image, channel, H, W]
    frequencies = np.array([1, *0.3228 * 0.5 ** np.arange(14)]) * pixels_per_degree / 2
    low = np.flatnonzero(frequencies <= 0.2)
    most = int(np.floor(np.log2(min(levels[0].shape[2:])))) - 1
    height = int(np.clip(low[0] + 1 if len(low) else most + 1, 0, most))
    for _ in range(height):
        rows, columns = levels[-1].shape[2:]
        odd = rows % 2 == 1
        levels.append(reduction(rows, odd=odd) @ levels[-1] @ reduction(columns, odd=odd).T)
    bands, shapes = [], []
    for b, level in enumerate(levels):
        rows, columns = level.shape[2:]
        if b < height:
            around = expansion(rows) @ levels[b + 1] @ expansion(columns).T
            background = np.maximum(around[:, :1], 0.01)
            layer, frequency = level - around, frequencies[b]
        else:
            background = np.maximum(level[:, :1], 0.01).mean(axis=(2, 3), keepdims=True)
            layer, frequency = level, 0.1
        contrast = np.minimum(layer / background, 1000) * (2 if 0 < b < height else 1)
        s = np.stack(
            [
                sensitivity(table, frequency, background[1, 0])
                for table in np.array(params["log_sensitivity"], float)[:3]
            ]
        )
        bands.append(difference(contrast[0], contrast[1], s, params, last=b == height))
        shapes.append((rows, columns))
    weights = [np.array(params["base_weights"], float)[:3] if b == height else np.ones(3) for b in range(height + 1)]
    pooled = [norm(d, 2, d[0].size, (1, 2)) * w for d, w in zip(bands, weights, strict=True)]
    scale = 0.577918291091919
    jod = to_jod(scale * norm(norm(np.stack(pooled), 4, 1, 0), 4, 1, 0))
    heat = np.zeros(())
    for b in reversed(range(height + 1)):
        if b < height:
            heat = expansion(shapes[b][0]) @ heat @ expansion(shapes[b][1]).T
        seen = norm(bands[b] * weights[b][:, None, None] * scale, 4, 1, 0)
        heat = heat + (seen / 2 if 0 < b < height else seen)
    return Result(float(jod), 1 - to_jod(heat) / 10)


def difference(test: Z, reference: Z, s: Z, params: Mapping[str, Z], *, last: bool) -> Z:
    """What of the difference of contrasts `[3, H, W]` is seen, with sensitivities s."""
    if last:
        return abs(test - reference) * s
    gain = np.array([1, 1.45, 1])[:, None, None]
    test, reference = test * s * gain, reference * s * gain
    masker = np.minimum(abs(test), abs(reference))
    rows, columns = masker.shape[1:]
    if rows > 6 and columns > 6:
        masker = blur(rows) @ masker @ blur(columns).T
    masker = power(
        10 ** float(params["masking_gain"]) * masker, np.array(params["masking_powers"], float)[:3, None, None]
    )
    masking = np.einsum("cd,chw->dhw", 2 ** np.array(params["masking_weights"], float)[:3, :3], masker)
    seen = power(abs(test - reference), float(params["difference_power"])) / (1 + masking)
    most = 10 ** float(params["largest_difference"])
    return most * seen / (most + seen)
