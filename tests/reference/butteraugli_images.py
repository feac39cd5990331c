"""The synthetic pairs of images that libjxl's C++ has published scores for, in `butteraugli_scores.csv`.

Their names, definitions and scores are those of the tests of https://github.com/imazen/butteraugli (commit 43950f5,
BSD-3-Clause, butteraugli/tests/common): maxima of the map of libjxl d2c7032 at 80 cd/m2, of images of 8 bits, named
`PATTERN_WIDTHxHEIGHT`.
"""

import csv
from pathlib import Path

import numpy as np


SEEDS = (0x123456789ABCDEF0, 0xDEADBEEFCAFEBABE, 0x0BADC0DEFEEDFACE, 0x1337133742424242, 0xAAAAAAAA55555555)
COLOR_SEED, MIDDLE_SEED = 0x1234567890ABCDEF, 0xFEDCBA9876543210
UNIFORM = {"gray": (128, 128, 128), "red": (128, 64, 64), "green": (64, 128, 64), "blue": (64, 64, 128)}


def published_scores() -> dict[str, float]:
    with Path(__file__).with_name("butteraugli_scores.csv").open() as file:
        return {name: float(score) for name, score in csv.reader(file)}


def image_pair(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The reference and the distorted image, uint8 `[H, W, 3]`."""
    *words, size = name.split("_")
    width, height = map(int, size.split("x"))
    reference = reference_image(words, height, width).astype(int)
    return reference.astype(np.uint8), distorted_image(words, reference).astype(np.uint8)


def reference_image(words: list[str], height: int, width: int) -> np.ndarray:
    kind, detail = words[:2]
    if kind == "random":
        return random_image(detail, (height, width, 3))
    y, x = np.mgrid[:height, :width]
    if kind == "color":
        return np.dstack([255 * x // (width - 1), 255 * y // (height - 1), np.full_like(x, 128)])
    if kind == "uniform":
        return np.broadcast_to(UNIFORM[detail], (height, width, 3))
    return np.repeat(gray_image(kind, words, y, x)[..., None], 3, axis=2)


def gray_image(kind: str, words: list[str], y: np.ndarray, x: np.ndarray) -> np.ndarray:
    height, width = x.shape
    if kind == "gradient":
        distance, furthest = {"h": (x, width - 1), "v": (y, height - 1), "diag": (x + y, width + height - 2)}[words[1]]
        return 255 * distance // furthest
    if kind == "radial":
        center = np.float32(width) / 2, np.float32(height) / 2
        distance = np.sqrt((x.astype(np.float32) - center[0]) ** 2 + (y.astype(np.float32) - center[1]) ** 2)
        return (1 - distance / np.sqrt(center[0] ** 2 + center[1] ** 2)) * 255
    if kind == "sine":
        periods = np.float32(words[1][0])
        turns = [z.astype(np.float32) * periods * np.float32(2 * np.pi) / np.float32(z.max() + 1) for z in (x, y)]
        return (np.sin(turns[0]) + np.sin(turns[1]) + 2) / 4 * 255
    block = int(words[-1][:-2]) if kind == "checkerboard" and words[-1].endswith("px") else 2
    bright = {
        "checkerboard": (x // block + y // block) % 2 == 0,
        "stripes": (y if words[1] == "h" else x) // 2 % 2 == 0,
        "edge": (y >= height // 2) if words[1] == "h" else (x >= width // 2),
    }[kind]
    return np.where(bright, 200, 50)


def random_image(detail: str, shape: tuple[int, ...]) -> np.ndarray:
    if detail == "mid":
        return 32 + random_bytes(MIDDLE_SEED, shape) * 193 // 256
    return random_bytes(COLOR_SEED if detail == "color" else SEEDS[int(detail[-1])], shape)


def random_bytes(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """The eight bits from the 33rd on of the states of a linear congruential generator."""
    values = np.empty(shape, int)
    for i in range(values.size):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        values.flat[i] = seed >> 33 & 0xFF
    return values


def distorted_image(words: list[str], reference: np.ndarray) -> np.ndarray:
    kind, amount = words[-2:]
    if "shift" in words and amount != "shift":
        colored = words[0] == "uniform" and words[1] != "gray"
        shifted = reference + int(amount) * (reference == reference.max() if colored else 1)
        return np.clip(shifted, 0, 255)
    if kind == "noise":
        seed = SEEDS[int(words[1][-1])] + 1
        noise = (random_bytes(seed, reference.shape) - 128) * int(amount)
        return np.clip(reference + np.trunc(noise / 128).astype(int), 0, 255)
    if kind == "contrast":
        return np.clip((reference.astype(np.float32) - 128) * np.float32(amount) + 128, 0, 255)
    if kind == "gamma":
        return (reference.astype(np.float32) / np.float32(255)) ** np.float32(amount) * np.float32(255)
    if kind == "quantize":
        return reference // 8 * 8 + 4
    if "inverse" in words:
        return 250 - reference
    if "swap" in words:
        return reference[..., ::-1]
    if "hue" in words:
        return reference[..., [1, 2, 0]]
    return box_blur(reference)


def box_blur(image: np.ndarray) -> np.ndarray:
    """Means of 3 x 3, of what lies inside."""
    height, width = image.shape[:2]
    around = np.s_[:height], np.s_[:width]
    padded, ones = (np.pad(z, ((1, 1), (1, 1), (0, 0))) for z in (image, np.ones_like(image)))
    offsets = [(i, j) for i in range(3) for j in range(3)]
    total, count = (np.sum([z[i:][around[0], j:][:, around[1]] for i, j in offsets], axis=0) for z in (padded, ones))
    return total // count
