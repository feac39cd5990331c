"""Butteraugli of libjxl 0.8 and later in float64, written from its description: plain, slow and in two dimensions."""

import numpy as np


ABSORBANCE = np.array(
    [
        [0.29956550340058319, 0.63373087833825936, 0.077705617820981968],
        [0.22158691104574774, 0.69391388044116142, 0.0987313588422],
        [0.02, 0.02, 0.20479129041026129],
    ]
)
DARK = np.array([1.7557483643287353, 1.7557483643287353, 12.226454707163354])


def lines(*half: str) -> list[np.ndarray]:
    """Masks of 9 x 9 of point-symmetric lines, from (row, column) of what is on one side of the center."""
    masks = []
    for points in half:
        mask = np.zeros((9, 9))
        mask[4, 4] = 1
        for point in points.split():
            row, column = map(int, point.split(","))
            mask[4 + row, 4 + column] = mask[4 - row, 4 - column] = 1
        masks.append(mask)
    return masks


ROUND = ("-1,-4 -1,-3 -1,-2 0,-1", "1,-4 1,-3 1,-2 0,-1", "-4,-1 -3,-1 -2,-1 -1,0", "-4,1 -3,1 -2,1 -1,0")
FINE = lines(
    "0,-4 0,-3 0,-2 0,-1", "-4,0 -3,0 -2,0 -1,0", "-3,-3 -2,-2 -1,-1", "-3,3 -2,2 -1,1", *ROUND, *ROUND,
    "-3,-2 -2,-1 -1,-1", "-3,2 -2,1 -1,1", "-2,-3 -1,-2 -1,-1", "-2,3 -1,2 -1,1",
)  # fmt: skip
COARSE = lines(
    "0,-4 0,-2", "-4,0 -2,0", "-3,-3 -2,-2", "-3,3 -2,2", "-4,1 -2,1", "-4,-1 -2,-1", "-1,-4 -1,-2", "1,-4 1,-2",
    "-3,-2 -2,-1", "-3,2 -2,1", "-2,-3 -1,-2", "-2,3 -1,2", "2,-4 1,-2", "-2,-4 -1,-2", "-4,-2 -2,-1", "-4,2 -2,1",
)  # fmt: skip


def scores(x: np.ndarray, y: np.ndarray, **options: float) -> tuple[float, float]:
    """The maximum and the "3-norm" of the map."""
    z = diffmap(x, y, **options)
    return z.max(), norm(z, 3)


def norm(z: np.ndarray, p: float) -> float:
    return float(np.mean([(z ** (p * k)).mean() ** (1 / (p * k)) for k in (1, 2, 4)]))


def diffmap(x: np.ndarray, y: np.ndarray, *, target: float = 80.0, asymmetry: float = 1.0) -> np.ndarray:
    """Of a distorted image x and its reference y, `[H, W, 3]`, sRGB in [0, 1]."""
    height, width = x.shape[:2]
    margins = [((8 - side) // 2, 8 - side - (8 - side) // 2) if side < 8 else (0, 0) for side in (height, width)]
    x, y = (np.pad(decode(z), (*margins, (0, 0)), mode="edge") for z in (x, y))
    field = one_scale(x, y, target, asymmetry)
    x, y = halve(x), halve(y)
    if min(x.shape[:2]) >= 8:
        coarse = one_scale(x, y, target, asymmetry).repeat(2, axis=0).repeat(2, axis=1)
        field = 0.85 * field + 0.5 * coarse[: field.shape[0], : field.shape[1]]
    return field[margins[0][0] :, margins[1][0] :][:height, :width]


def decode(z: np.ndarray) -> np.ndarray:
    return np.where(z > 0.04045, ((z + 0.055) / 1.055) ** 2.4, z / 12.92)


def halve(z: np.ndarray) -> np.ndarray:
    """Means of 2 x 2; an odd last row or column counts twice."""
    z = np.pad(z, ((0, z.shape[0] % 2), (0, z.shape[1] % 2), (0, 0)), mode="edge")
    return (z[::2, ::2] + z[1::2, ::2] + z[::2, 1::2] + z[1::2, 1::2]) / 4


def one_scale(x: np.ndarray, y: np.ndarray, target: float, asymmetry: float) -> np.ndarray:
    (lx, mx, hx, ux), (ly, my, hy, uy) = (bands(opponents(z * target)) for z in (x, y))
    root = np.sqrt(asymmetry)
    ac = (
        malta(uy[1], ux[1], FINE, 1.10039032555 * asymmetry, 1.10039032555 / asymmetry, 71.7800275169)
        + malta(uy[0], ux[0], FINE, 173.5 * asymmetry, 173.5 / asymmetry, 5.0)
        + malta(hy[1], hx[1], COARSE, 18.7237414387 * root, 18.7237414387 / root, 4498534.45232)
        + malta(hy[0], hx[0], COARSE, 6923.99476109 * root, 6923.99476109 / root, 8051.15833247)
        + malta(my[1], mx[1], COARSE, 37.0819870399, 37.0819870399, 130262059.556)
        + malta(my[0], mx[0], COARSE, 8246.75321353, 8246.75321353, 1009002.70582)
    )
    for c, w in enumerate((400.0, 1.50815703118)):
        excess = outside(hy[c], hx[c], 0.4, 1.0)
        ac += 0.8 * w * (asymmetry * (hy[c] - hx[c]) ** 2 + excess**2 / asymmetry)
    ac += sum(w * (my[c] - mx[c]) ** 2 for c, w in enumerate((2150.0, 10.6195433239, 16.2176043152)))
    dc = sum(w * (ly[c] - lx[c]) ** 2 for c, w in enumerate((29.2353797994, 0.844626970982, 0.703646627719)))
    activity_x, activity_y = (activity(*pair) for pair in ((hx, ux), (hy, uy)))
    ac += 10 * (activity_y - activity_x) ** 2
    mask = erode(activity_y)
    scale = 1 / (17.83 * np.log(80) / np.log(255))
    of_ac = (scale * (1 + 2.5485944793 / (0.451936922203 * mask + 0.829591754942))) ** 2
    of_dc = (scale * (1 + 0.505054525019 / (3.87449418804 * mask + 0.20025578522))) ** 2
    return np.sqrt(dc * of_dc + ac * of_ac)


def opponents(light: np.ndarray) -> list[np.ndarray]:
    w = np.exp(-(np.arange(-2, 3) ** 2) / (2 * 1.2**2))
    w /= w.sum()
    z = np.pad(light, ((2, 2), (2, 2), (0, 0)), mode="symmetric")
    z = np.sum([w[i] * z[i : i + light.shape[0]] for i in range(5)], axis=0)
    blurred = np.sum([w[i] * z[:, i : i + light.shape[1]] for i in range(5)], axis=0)
    adapted = np.maximum(blurred @ ABSORBANCE.T + DARK, DARK)
    response = 19.245013259874995 * np.log(adapted + 9.9710635769299145) - 23.16046239805755
    sensitivity = np.maximum(response / adapted, 1e-4)
    c = np.maximum((light @ ABSORBANCE.T + DARK) * sensitivity, DARK)
    return [c[..., 0] - c[..., 1], c[..., 0] + c[..., 1], c[..., 2]]


def blur(z: np.ndarray, sigma: float) -> np.ndarray:
    """By a Gaussian that ends at 2.25 sigma, normalized by what of it lies inside the image."""
    radius = int(2.25 * sigma)
    for axis in (0, 1):
        n = z.shape[axis]
        distance = np.arange(n)[:, None] - np.arange(n)
        w = np.where(abs(distance) <= radius, np.exp(-(distance**2) / (2 * sigma**2)), 0)
        z = np.moveaxis(np.tensordot(w / w.sum(axis=1, keepdims=True), z, (1, axis)), 0, axis)
    return z


def bands(xyb: list[np.ndarray]) -> tuple[list[np.ndarray], ...]:
    """Low, middle, high and ultra-high frequencies."""
    low = [blur(z, 7.15593339443) for z in xyb]
    rest = [z - smooth for z, smooth in zip(xyb, low, strict=True)]
    x, y, b = low
    low = [33.832837186260 * x, 14.458268100570 * y, 49.87984651440 * (b - 0.362267051518 * y)]
    smooth = [blur(z, 3.22489901262) for z in rest]
    middle = [shrink(smooth[0], 0.29), amplify(smooth[1], 0.1), smooth[2]]
    high_x, high_y = (rest[c] - smooth[c] for c in (0, 1))
    high_x *= 0.653020556257 + (1 - 0.653020556257) * 46 / (high_y**2 + 46)
    smooth_x, smooth_y = (blur(z, 1.56416327805) for z in (high_x, high_y))
    smooth_y = soft_clip(smooth_y, 28.4691806922)
    ultra = [shrink(high_x - smooth_x, 0.04), 2.69313763794 * soft_clip(high_y - smooth_y, 5.19175294647)]
    return low, middle, [shrink(smooth_x, 1.5), amplify(2.155 * smooth_y, 0.132)], ultra


def shrink(v: np.ndarray, w: float) -> np.ndarray:
    return np.sign(v) * np.maximum(abs(v) - w, 0)


def amplify(v: np.ndarray, w: float) -> np.ndarray:
    return np.where(abs(v) > w, v + w * np.sign(v), 2 * v)


def soft_clip(v: np.ndarray, limit: float) -> np.ndarray:
    return np.where(abs(v) > limit, np.sign(v) * (limit + 0.724216145665 * (abs(v) - limit)), v)


def outside(reference: np.ndarray, z: np.ndarray, low: float, high: float) -> np.ndarray:
    """How far z is below `low` times the reference (> 0) or beyond `high` times it (< 0), for a positive reference."""
    size, along = abs(reference), np.where(reference < 0, -z, z)
    return np.where(along < low * size, low * size - along, np.where(along > high * size, high * size - along, 0))


def malta(y: np.ndarray, x: np.ndarray, masks: list[np.ndarray], w_0: float, w_1: float, n: float) -> np.ndarray:
    factor = (0.39905817637 if masks is FINE else 0.611612573796) / 8.5 * n
    p_0, p_1 = factor * np.sqrt(0.5 * w_0), factor * np.sqrt(0.33 * w_1)
    excess = np.where(y < 0, -1, 1) * outside(y, x, 0.55, 1.05)
    d = (p_0 * (y - x) + p_1 * excess) / (n + (abs(y) + abs(x)) / 2)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(d, 4), (9, 9)).reshape(d.size, 81)
    sums = windows @ np.stack(masks).reshape(16, 81).T
    return (sums**2).sum(axis=1).reshape(d.shape)


def activity(high: list[np.ndarray], ultra: list[np.ndarray]) -> np.ndarray:
    gain, bias = 6.19424080439, 12.61050594197
    size = np.hypot(2.5 * (ultra[0] + high[0]), 0.4 * (ultra[1] + high[1]))
    return blur(np.sqrt(gain * size + gain * bias) - np.sqrt(gain * bias), 2.7)


def erode(z: np.ndarray) -> np.ndarray:
    """A weighted mean of the three smallest values around; the center may be taken again at twice its value."""
    h, w = z.shape
    far = np.pad(z, 3, constant_values=np.inf)
    around = [far[3 + i : 3 + i + h, 3 + j : 3 + j + w] for i in (-3, 0, 3) for j in (-3, 0, 3) if (i, j) != (0, 0)]
    smallest = np.sort(np.stack([z, 2 * z, 2 * z, *around]), axis=0)
    return 0.45 * smallest[0] + 0.3 * smallest[1] + 0.25 * smallest[2]
