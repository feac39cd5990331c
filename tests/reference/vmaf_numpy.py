"""VMAF of still images as libvmaf's float features define it, in float64 and in the order of that code."""

import numpy as np


LOW = np.array((0.482962913144690, 0.836516303737469, 0.224143868041857, -0.129409522550921))
HIGH = np.array((-0.129409522550921, -0.224143868041857, 0.836516303737469, -0.482962913144690))
# Watson et al. 1997, of luma: amplitudes of the wavelets of each level, at 0/90 and at 45 degrees.
AMPLITUDES = np.array(((0.67234, 0.72709), (0.41317, 0.49428), (0.22727, 0.28688), (0.11792, 0.15214)))


def features(x: np.ndarray, y: np.ndarray, gain_limit: float = 100) -> np.ndarray:
    """`[adm2, motion2, vif of scales 0 to 3]` of luma planes `[H, W]` in [0, 255]."""
    x, y = (np.asarray(z, np.float64) - 128 for z in (x, y))
    return np.array([adm(x, y, gain_limit), 0, *vif(x, y, gain_limit)])


def vif(x: np.ndarray, y: np.ndarray, gain_limit: float) -> list[float]:
    scores = []
    for scale in range(4):
        size = 2 ** (4 - scale) + 1
        if scale:
            x, y = (blur(z, size)[::2, ::2][: z.shape[0] // 2, : z.shape[1] // 2] for z in (x, y))
        mu_y, mu_x = blur(y, size), blur(x, size)
        var_y = np.maximum(blur(y * y, size) - mu_y**2, 0)
        var_x = np.maximum(blur(x * x, size) - mu_x**2, 0)
        cov = blur(x * y, size) - mu_x * mu_y
        gain = cov / (var_y + 1e-10)
        noise = var_x - gain * cov
        gain, noise = np.where(var_y < 1e-10, 0, gain), np.where(var_y < 1e-10, var_x, noise)
        gain, noise = np.where(var_x < 1e-10, 0, gain), np.where(var_x < 1e-10, 0, noise)
        noise = np.maximum(np.where(gain < 0, var_x, noise), 1e-10)
        gain = np.clip(gain, 0, gain_limit)
        left = np.where(cov < 0, 0, np.log2(1 + gain**2 * var_y / (noise + 2)))
        faint = var_y < 2
        left = np.where(faint, 1 - var_x * 4 / 255**2, left)
        there = np.where(faint, 1, np.log2(1 + var_y / 2))
        scores.append(float(left.sum() / there.sum()))
    return scores


def blur(z: np.ndarray, size: int) -> np.ndarray:
    offset = np.arange(size) - size // 2
    taps = np.exp(-(offset**2) / (2 * (size / 5) ** 2))
    taps /= taps.sum()
    for axis in (0, 1):
        padded = np.pad(z, [(size // 2,) * 2 if i == axis else (0, 0) for i in range(2)], mode="reflect")
        shifts = (tap * np.take(padded, np.arange(z.shape[axis]) + i, axis) for i, tap in enumerate(taps))
        z = sum(shifts, start=np.zeros(()))
    return z


def adm(x: np.ndarray, y: np.ndarray, gain_limit: float) -> float:
    limit = 1e-2 * x.size / (1920 * 1080)
    left = there = 0.0
    for scale in range(4):
        x, *dis = wavelets(x)
        y, *ref = wavelets(y)
        restored, added = decouple(dis, ref, gain_limit)
        factors = [1 / step(scale, angle) for angle in (0, 0, 1)]
        threshold = masking(sum((abs(f * z) for f, z in zip(factors, added, strict=True)), start=np.zeros(())))
        rows, columns = (slice(int(0.1 * n - 0.5), n - int(0.1 * n - 0.5)) for n in x.shape)
        noise = np.cbrt(threshold[rows, columns].size / 32)
        for f, r, o in zip(factors, restored, ref, strict=True):
            seen = np.maximum(abs(f * r) - threshold, 0)
            left += np.cbrt((seen[rows, columns] ** 3).sum()) + noise
            there += np.cbrt((abs(f * o[rows, columns]) ** 3).sum()) + noise
    left, there = (0 if z < limit else z for z in (left, there))
    return left / there if there else 1.0


def wavelets(z: np.ndarray) -> list[np.ndarray]:
    """Daubechies' second: what is low in both directions, high along columns, high along rows, high in both."""
    low, high = (down(z, taps, 0) for taps in (LOW, HIGH))
    return [down(low, LOW, 1), down(high, LOW, 1), down(low, HIGH, 1), down(high, HIGH, 1)]


def down(z: np.ndarray, taps: np.ndarray, axis: int) -> np.ndarray:
    n = z.shape[axis]
    place = 2 * np.arange((n + 1) // 2)[:, None] + np.arange(-1, 3)
    place = np.where(place < 0, -place, np.where(place >= n, 2 * n - place - 1, place))
    return sum((tap * np.take(z, place[:, i], axis) for i, tap in enumerate(taps)), start=np.zeros(()))


def decouple(
    dis: list[np.ndarray], ref: list[np.ndarray], gain_limit: float
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What is left of the reference, which may be enhanced where the direction is the same; and what is new."""
    dot = ref[0] * dis[0] + ref[1] * dis[1]
    lengths = (ref[0] ** 2 + ref[1] ** 2) * (dis[0] ** 2 + dis[1] ** 2)
    aligned = (dot >= 0) & (dot**2 >= np.cos(np.pi / 180) ** 2 * lengths)
    restored = []
    for t, o in zip(dis, ref, strict=True):
        r = np.clip(t / (o + 1e-30), 0, 1) * o
        r = np.where(aligned & (r > 0), np.minimum(gain_limit * r, t), r)
        restored.append(np.where(aligned & (r < 0), np.maximum(gain_limit * r, t), r))
    return restored, [t - r for t, r in zip(dis, restored, strict=True)]


def step(scale: int, angle: int) -> float:
    """Just visible: of luma on a screen 3 of its heights of 1080 pixels away."""
    per_degree = 3 * 1080 * np.pi / 180
    frequency = 2 ** (scale + 1) * 0.401 * (1.0, 0.534)[angle] / per_degree
    return 2 * 0.495 * 10 ** (0.466 * np.log10(frequency) ** 2) / AMPLITUDES[scale, angle]


def masking(z: np.ndarray) -> np.ndarray:
    padded = np.pad(np.pad(z, ((1, 0), (1, 0)), mode="reflect"), ((0, 1), (0, 1)), mode="edge")
    h, w = z.shape
    around = sum(padded[i : i + h, j : j + w] for i in range(3) for j in range(3))
    return (around + z) / 30


def score(found: np.ndarray, params: dict[str, np.ndarray], *, transform: bool = False) -> float:
    slopes, intercepts = params["slopes"], params["intercepts"]
    distances = ((slopes[1:] * found + intercepts[1:] - params["vectors"]) ** 2).sum(axis=1)
    raw = (params["coefficients"] * np.exp(-params["gamma"] * distances)).sum() - params["offset"]
    raw = (raw - intercepts[0]) / slopes[0]
    if transform:
        p0, p1, p2 = params["transform"]
        raw = max(raw, p0 + p1 * raw + p2 * raw**2)
    return float(np.clip(raw, 0, 100))
