"""SSIMULACRA 2.1, in float64 or in the float32 of the C++ program, operation by operation.

After https://github.com/cloudinary/ssimulacra2 (81feacf, BSD-3-Clause), as it runs on a CPU with fused multiply-adds:
in float32 it gives the scores of the program, in float64 what the program means to compute.
"""

from collections.abc import Iterator

import numpy as np


BIAS = 0.0037930732552754493
C2 = 0.0009
SIGMA = 1.5
RADIUS = 5  # round(3.2795 sigma + 0.2546)
FREQUENCIES = np.pi / (2 * RADIUS) * np.array([1, 3, 5])
LANES = 4  # outputs that the program computes at a time along a row

# Rational approximation of the curve of sRGB, lowest power first.
NUMERATOR = (2.200248328e-04, 1.043637593e-02, 1.624820318e-01, 7.961564959e-01, 8.210152774e-01)
DENOMINATOR = (2.631846970e-01, 1.076976492e00, 4.987528350e-01, -5.512498495e-02, 6.521209011e-03)


def score(x: np.ndarray, y: np.ndarray, weights: np.ndarray, dtype: type = np.float64) -> float:
    """Of images of 8 bits `[H, W, 3]`, with the 108 weights in the order of the program."""
    values = np.stack([*terms(x, y, dtype)], axis=1).ravel()
    u = 0.9562382616834844 * np.dot(weights[: len(values)], values)
    cubic = 2.326765642916932 * u - 0.020884521182843837 * u**2 + 6.248496625763138e-05 * u**3
    return 100 - 10 * max(cubic, 0) ** 0.6276336467831387


def terms(x: np.ndarray, y: np.ndarray, dtype: type) -> Iterator[np.ndarray]:
    """Of each scale `[3 channels, 2 norms, 3 errors]`."""
    light = [linear(z, dtype) for z in (x, y)]
    for scale in range(6):
        if min(light[0].shape[1:]) < 8:
            return
        light = [halve(z, dtype) for z in light] if scale else light
        of_x, of_y = (xyb(z, dtype) for z in light)
        mean_x, mean_y, xx, yy, xy = (blur(z) for z in (of_x, of_y, of_x * of_x, of_y * of_y, of_x * of_y))
        similar = 1 - (mean_y - mean_x) * (mean_y - mean_x)
        covariance = 2 * (xy - mean_y * mean_x) + dtype(C2)
        variances = (yy - mean_y * mean_y) + (xx - mean_x * mean_x) + dtype(C2)
        structure = 1 - (similar * covariance / variances).astype(np.float64)
        edge_x, edge_y = (np.abs(z - m).astype(np.float64) for z, m in ((of_x, mean_x), (of_y, mean_y)))
        edge = (1 + edge_x) / (1 + edge_y) - 1
        errors = np.maximum([structure, edge, -edge], 0)
        norms = [(errors**order).mean((-1, -2)) ** (1 / order) for order in (1, 4)]
        yield np.moveaxis(np.array(norms), -1, 0)


def fused(a, b, c, dtype: type) -> np.ndarray:
    """a b + c, rounded once: a product of two numbers of float32 is exact in float64."""
    return (np.float64(a) * np.float64(b) + np.float64(c)).astype(dtype)


def linear(image: np.ndarray, dtype: type) -> np.ndarray:
    """`[3, H, W]`."""
    v = np.moveaxis(image, -1, 0).astype(dtype) * dtype(1 / 255)
    if dtype is np.float64:
        return np.where(v > 0.04045, ((v + 0.055) / 1.055) ** 2.4, v / 12.92)
    above, below = (np.full_like(v, polynomial[-1]) for polynomial in (NUMERATOR, DENOMINATOR))
    for p, q in zip(NUMERATOR[-2::-1], DENOMINATOR[-2::-1], strict=True):
        above, below = fused(above, v, dtype(p), dtype), fused(below, v, dtype(q), dtype)
    return np.where(v > dtype(0.04045), above / below, v * dtype(1 / 12.92))


def halve(light: np.ndarray, dtype: type) -> np.ndarray:
    _, height, width = light.shape
    even = np.pad(light, [(0, 0), (0, height % 2), (0, width % 2)], mode="edge")
    cells = even[:, ::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, ::2] + even[:, 1::2, 1::2]
    return cells * dtype(0.25)


def xyb(light: np.ndarray, dtype: type) -> np.ndarray:
    one = dtype(1)
    first, second, third = (dtype(z) for z in (0.24342268924547819, 0.20476744424496821, 0.078))
    rows = [(dtype(z), one - third - dtype(z), third) for z in (0.3, 0.23)] + [(first, second, one - first - second)]
    cones = []
    for r, g, b in rows:
        response = fused(b, light[2], dtype(BIAS), dtype)
        response = fused(r, light[0], fused(g, light[1], response, dtype), dtype)
        cones.append(cube_root(np.maximum(response, 0), -np.cbrt(dtype(BIAS))))
    x, y = (cones[0] - cones[1]) * dtype(0.5), (cones[0] + cones[1]) * dtype(0.5)
    return np.stack([x * dtype(14) + dtype(0.42), y + dtype(0.01), cones[2] - y + dtype(0.55)])


def cube_root(z: np.ndarray, plus: np.ndarray) -> np.ndarray:
    """In float32 by Newton's method for the inverse, from a guess that divides the exponent by 3."""
    if z.dtype == np.float64:
        return np.cbrt(z) + plus
    dtype, third = np.float32, np.float32(1 / 3)
    root = (np.int32(0x54800000) - (z.view(np.int32) >> 23) * np.int32(0x002AAAAA)).view(dtype)
    for _ in range(3):
        square = root * root
        root = fused(-third * z, square * square, np.float32(4 / 3) * root, dtype)
    square = root * root
    root = fused(third, fused(-z, square * square, root, dtype), root, dtype)
    return fused(root * root, z, plus, dtype)


def blur(planes: np.ndarray) -> np.ndarray:
    """Charalampidis' recursive Gaussian, along the rows and then down the columns; beyond the border are zeros."""
    return np.stack([down_columns(down_columns(plane.T, LANES).T, 1) for plane in planes])


def down_columns(z: np.ndarray, lanes: int) -> np.ndarray:
    """`lanes` outputs at a time, each from the two before them all; the order of the sums is the program's."""
    dtype, (height, width) = z.dtype.type, z.shape
    beta = np.array([0.17893914164149127, 0.07272614473619018, 0.01295581911051706])
    gain, feedback = -beta * np.cos(FREQUENCIES * (RADIUS + 1)), 2 * np.cos(FREQUENCIES)
    powers = [np.ones(3), feedback]  # what becomes of an output so many steps later
    for _ in range(lanes - 1):
        powers.append(feedback * powers[-1] - powers[-2])
    powers, inputs_of = ([c.astype(dtype)[:, None] for c in rows] for rows in (powers, [gain * c for c in powers]))

    padded = np.pad(z, [(2 * RADIUS, RADIUS - 1), (0, 0)])
    inputs = padded[: height + RADIUS - 1] + padded[2 * RADIUS :]
    out = np.zeros((height, width), dtype)
    last, before = np.zeros((2, 3, width), dtype)
    n, first, end = 1 - RADIUS, -(-(RADIUS + 1) // lanes) * lanes, height - RADIUS + 1 - (lanes - 1)
    while n < height:
        outputs = []
        for i in range(lanes if first <= n < end else 1):
            if lanes == 1:
                y = fused(powers[1], last, -before, dtype)
                outputs.append(fused(inputs_of[0], inputs[n + RADIUS - 1], y, dtype))
                break
            y = inputs_of[i] * inputs[n + RADIUS - 1]
            for j in range(1, i + 1):
                y = fused(inputs_of[i - j], inputs[n + RADIUS - 1 + j], y, dtype)
            y = fused(-powers[i], before, y, dtype)
            outputs.append(fused(powers[i + 1], last, y, dtype))
        for i, y in enumerate(outputs):
            if n + i >= 0:
                out[n + i] = y[0] + (y[1] + y[2])
        before, last = [last, *outputs][-2:]
        n += len(outputs)
    return out
