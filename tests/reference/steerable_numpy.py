"""The complex steerable pyramid in float64, from the MATLAB code of Simoncelli and Portilla."""

from math import factorial

import numpy as np


def complex_bands(z: np.ndarray, level: int, orientations: int) -> np.ndarray:
    """`buildSCFpyr` of matlabPyrTools, level by level, with its functions instead of tables of them."""

    def transition(log_radius: np.ndarray) -> np.ndarray:
        return np.sin(np.pi / 2 * np.clip(log_radius + 1, 0, 1))  # from 0 at -1 to 1 at 0

    spectrum = np.fft.fftshift(np.fft.fft2(z))
    v, u = (np.arange(n) - n // 2 for n in z.shape)
    v, u = v[:, None] / (z.shape[0] / 2), u[None] / (z.shape[1] / 2)
    radius = np.hypot(v, u)
    radius[z.shape[0] // 2, z.shape[1] // 2] = 2 / z.shape[1]
    log_radius, angle = np.log2(radius), np.arctan2(v, u)
    low = spectrum * np.sqrt(1 - transition(log_radius) ** 2)
    for at in range(1, level + 1):
        if at > 1:
            inner = []
            for n in low.shape:
                half = -(-n // 2)
                start = n // 2 - half // 2
                inner.append(slice(start, start + half))
            low, log_radius, angle = (field[tuple(inner)] for field in (low, log_radius, angle))
            low = low * np.sqrt(1 - transition(log_radius + at - 1) ** 2)
    order, bands = orientations - 1, []
    power = 2 ** (2 * order) * factorial(order) ** 2 / (orientations * factorial(2 * order))
    for k in range(orientations):
        cosine = np.cos(angle - np.pi * k / orientations)
        toward = 2 * np.sqrt(power) * np.where(cosine > 0, cosine, 0) ** order
        bands.append(np.fft.ifft2(np.fft.ifftshift(low * toward * transition(log_radius + level))))
    return np.array(bands)
