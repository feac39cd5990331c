"""The pairs of images that the C++ program of SSIMULACRA 2.1 has published scores for, but for those of equal images.

Names, definitions and scores are those of https://github.com/imazen/fast-ssim2 (commit ca5d45f, BSD-2-Clause,
fast-ssim2/src/reference_data.rs), where the hashes of all images are checked in turn.
"""

import numpy as np


# `KIND_SIZExSIZE`. The program prints 8 digits after the point.
SCORES = {
    "uniform_shift_1_32x32": 97.7492143,
    "uniform_shift_5_32x32": 98.80827382,
    "uniform_shift_10_32x32": 96.5311409,
    "uniform_shift_20_32x32": 93.7982322,
    "uniform_shift_50_32x32": 85.01409588,
    "uniform_shift_1_64x64": 97.98672126,
    "uniform_shift_5_64x64": 91.52357693,
    "uniform_shift_10_64x64": 80.24289393,
    "uniform_shift_20_64x64": 56.05855584,
    "uniform_shift_50_64x64": -8.75942256,
    "uniform_shift_1_128x128": 96.78920738,
    "uniform_shift_5_128x128": 88.54070876,
    "uniform_shift_10_128x128": 77.84296299,
    "uniform_shift_20_128x128": 54.27883917,
    "uniform_shift_50_128x128": -9.82383315,
    "uniform_shift_1_256x256": 96.15027098,
    "uniform_shift_5_256x256": 89.73209436,
    "uniform_shift_10_256x256": 80.29149136,
    "uniform_shift_20_256x256": 59.77892918,
    "uniform_shift_50_256x256": -0.39085784,
    "gradient_vs_uniform_64x64": -64.56872148,
    "noise_vs_uniform_64x64": -47.33572558,
    "gradient_vs_boxblur8x8_64x64": 94.34090315,
    "noise_vs_sharpen_64x64": -5.81017556,
    "gradient_vs_yuv_roundtrip_64x64": 97.26010964,
    "edge_vs_boxblur8x8_64x64": 24.27333552,
}


def image_pair(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The distorted image and the original, uint8 `[H, W, 3]`."""
    kind, _, size = name.rpartition("_")
    side = int(size.partition("x")[0])
    if kind.startswith("uniform_shift"):
        return uniform(side, 128 + int(kind.rpartition("_")[2])), uniform(side, 128)
    original, _, change = kind.partition("_vs_")
    if change == "yuv_roundtrip":
        y = gray(np.add.outer(np.arange(side), np.arange(side)) * 255 // (2 * side - 2))
    elif original == "noise":
        y = noise(side, 999 if change == "sharpen" else 42)
    else:
        line = {"gradient": 255 * np.arange(side) // (side - 1), "edge": 255 * (np.arange(side) >= side // 2)}[original]
        y = gray(np.tile(line, (side, 1)))
    changes = {"uniform": uniform_instead, "boxblur8x8": box_blur, "sharpen": sharpen, "yuv_roundtrip": through_yuv}
    return changes[change](y), y


def gray(values: np.ndarray) -> np.ndarray:
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=-1)


def uniform(side: int, value: int) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


def uniform_instead(image: np.ndarray) -> np.ndarray:
    return uniform(len(image), 128)


def noise(side: int, seed: int) -> np.ndarray:
    """Bytes of a linear congruential generator."""
    state, values = seed, []
    for _ in range(side * side * 3):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append(state >> 33 & 255)
    return np.array(values, np.uint8).reshape(side, side, 3)


def box_blur(image: np.ndarray) -> np.ndarray:
    around = np.pad(image.astype(int), [(4, 3), (4, 3), (0, 0)], mode="edge")
    return (np.lib.stride_tricks.sliding_window_view(around, (8, 8), (0, 1)).sum((-2, -1)) // 64).astype(np.uint8)


def sharpen(image: np.ndarray) -> np.ndarray:
    z = np.pad(image.astype(int), [(1, 1), (1, 1), (0, 0)], mode="edge")
    neighbors = z[:-2, 1:-1] + z[2:, 1:-1] + z[1:-1, :-2] + z[1:-1, 2:]
    return np.clip(5 * z[1:-1, 1:-1] - neighbors, 0, 255).astype(np.uint8)


def through_yuv(image: np.ndarray) -> np.ndarray:
    """And back, in float32, cut off to whole numbers."""
    r, g, b = np.moveaxis(image.astype(np.float32), -1, 0)
    f = np.float32
    y = f(0.299) * r + f(0.587) * g + f(0.114) * b
    u = f(-0.14713) * r - f(0.28886) * g + f(0.436) * b
    v = f(0.615) * r - f(0.51499) * g - f(0.10001) * b
    u, v = (z + f(128) - f(128) for z in (u, v))
    rgb = (y + f(1.13983) * v, y - f(0.39465) * u - f(0.58060) * v, y + f(2.03211) * u)
    return np.clip(np.stack(rgb, axis=-1), 0, 255).astype(np.uint8)
