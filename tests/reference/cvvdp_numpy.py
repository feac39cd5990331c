"""ColorVideoVDP of one pair of images or clips, slowly, from its description: every filter is a matrix, in float64."""

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


TRANSIENT_WEIGHT = 0.8081134557723999


class Result(NamedTuple):
    jod: float
    heat: Z  # [H, W], or of a clip [T, H, W]: 1 - JOD / 10 of each pixel


class Band(NamedTuple):
    difference: Z  # [channel, H, W], what of it is seen
    weights: Z  # of the channels
    gain: int


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
    scale = 0.577918291091919
    bands = seen_bands(opponents(x_light, y_light, primaries), params, pixels_per_degree, np.ones(3))
    return Result(float(to_jod(scale * over_bands(bands))), 1 - to_jod(heat_of(bands, scale)) / 10)


def cvvdp_video(
    x_light: Z,
    y_light: Z,
    params: Mapping[str, Z],
    pixels_per_degree: float,
    frames_per_second: float,
    primaries: str = "bt709",
) -> Result:
    """Of light `[T, H, W, 3]` of clips of two frames or more."""
    frames = [opponents(x, y, primaries) for x, y in zip(x_light, y_light, strict=True)]
    filters = temporal_filters(frames_per_second)
    reach = filters.shape[1] - 1
    padded = np.stack([frames[0]] * reach + frames)  # [frame, image, channel, H, W]
    pooled, heats = [], []
    for t in range(len(frames)):
        window = padded[t : t + reach + 1][:, :, [0, 1, 2, 0]]
        filtered = np.einsum("ck,kichw->ichw", filters, window)  # which are symmetric
        weights = np.array([1, 1, 1, TRANSIENT_WEIGHT])
        bands = seen_bands(filtered, params, pixels_per_degree, weights)
        pooled.append(over_bands(bands))
        heats.append(1 - to_jod(heat_of(bands, 1)) / 10)
    return Result(float(to_jod(norm(np.stack(pooled), 2, len(pooled), 0))), np.stack(heats))


def temporal_filters(frames_per_second: float) -> Z:
    """`[4, taps]`, of the last quarter of a second: by what is left of each frequency up to half the frame rate."""
    taps = int(np.ceil(frames_per_second / 8)) * 2 + 1
    frequencies = np.linspace(0, frames_per_second / 2, taps // 2 + 1)
    scales, powers = (5.79336, 14.1255, 6.63661, 0.12314), (1.3314, 1.1196, 0.947901, 0.1898)
    left = [np.exp(-(frequencies**power) / scale) for scale, power in zip(scales[:3], powers, strict=False)]
    left.append(np.exp(-((frequencies ** powers[3] - 5 ** powers[3]) ** 2) / scales[3]))
    return np.stack([np.fft.fftshift(np.fft.irfft(z, n=taps)) for z in left])


def opponents(x_light: Z, y_light: Z, primaries: str) -> Z:
    """`[image, channel, H, W]`."""
    matrix = np.array(LMS_TO_DKL) @ np.array(XYZ_TO_LMS) @ np.array(RGB_TO_XYZ[primaries])
    return np.einsum("oc,ihwc->iohw", matrix, np.stack([x_light, y_light]))


def seen_bands(planes: Z, params: Mapping[str, Z], pixels_per_degree: float, channel_weights: Z) -> list[Band]:
    """Of planes `[image, channel, H, W]`, three of an image, and in a clip that of what moves, too."""
    levels = [planes]
    frequencies = np.array([1, *0.3228 * 0.5 ** np.arange(14)]) * pixels_per_degree / 2
    low = np.flatnonzero(frequencies <= 0.2)
    most = int(np.floor(np.log2(min(levels[0].shape[2:])))) - 1
    height = int(np.clip(low[0] + 1 if len(low) else most + 1, 0, most))
    for _ in range(height):
        rows, columns = levels[-1].shape[2:]
        odd = rows % 2 == 1
        levels.append(reduction(rows, odd=odd) @ levels[-1] @ reduction(columns, odd=odd).T)
    bands = []
    for b, level in enumerate(levels):
        rows, columns = level.shape[2:]
        if b < height:
            around = expansion(rows) @ levels[b + 1] @ expansion(columns).T
            background = np.maximum(around[:, :1], 0.01)
            layer, frequency = level - around, frequencies[b]
        else:
            background = np.maximum(level[:, :1], 0.01).mean(axis=(2, 3), keepdims=True)
            layer, frequency = level, 0.1
        gain = 2 if 0 < b < height else 1
        contrast = np.minimum(layer / background, 1000) * gain
        channels = planes.shape[1]
        tables = np.array(params["log_sensitivity"], float)[:channels]
        s = np.stack([sensitivity(table, frequency, background[1, 0]) for table in tables])
        seen = difference(contrast[0], contrast[1], s, params, last=b == height)
        weights = np.array(params["base_weights"], float)[:channels] if b == height else 1.0
        bands.append(Band(seen, channel_weights * weights, gain))
    return bands


def over_bands(bands: list[Band]) -> Z:
    pooled = [norm(band.difference, 2, band.difference[0].size, (1, 2)) * band.weights for band in bands]
    return norm(norm(np.stack(pooled), 4, 1, 0), 4, 1, 0)


def heat_of(bands: list[Band], scale: float) -> Z:
    heat = np.zeros(())
    for band in reversed(bands):
        rows, columns = band.difference.shape[1:]
        if heat.ndim:
            heat = expansion(rows) @ heat @ expansion(columns).T
        heat = heat + norm(scale * band.difference * band.weights[:, None, None], 4, 1, 0) / band.gain
    return heat


def difference(test: Z, reference: Z, s: Z, params: Mapping[str, Z], *, last: bool) -> Z:
    """What of the difference of contrasts `[channel, H, W]` is seen, with sensitivities s."""
    if last:
        return abs(test - reference) * s
    channels = len(test)
    gain = np.array([1, 1.45, 1, 1])[:channels, None, None]
    test, reference = test * s * gain, reference * s * gain
    masker = np.minimum(abs(test), abs(reference))
    rows, columns = masker.shape[1:]
    if rows > 6 and columns > 6:
        masker = blur(rows) @ masker @ blur(columns).T
    powers = np.array(params["masking_powers"], float)[:channels, None, None]
    masker = power(10 ** float(params["masking_gain"]) * masker, powers)
    mixture = 2 ** np.array(params["masking_weights"], float)[:channels, :channels]
    masking = np.einsum("cd,chw->dhw", mixture, masker)
    seen = power(abs(test - reference), float(params["difference_power"])) / (1 + masking)
    most = 10 ** float(params["largest_difference"])
    return most * seen / (most + seen)
