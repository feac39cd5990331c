"""ColorVideoVDP of clips: what `_cvvdp` sees of frames that pass through the filters of the eye over time."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import blank, check_mask, check_pair, check_positive, error_text
from .._types import Array, Mask, Params, Scalar, Scores, Video, VolumeMap
from ..ops._displays import Display, pixels_per_degree
from ..ops._pooling import keep_nan
from ._cvvdp import (
    SHAPES,
    Band,
    check_params,
    check_view,
    cvvdp,
    cvvdp_map,
    find_bands,
    heat,
    opponent_planes,
    over_bands,
    power,
    to_lost,
)


VIDEO_SHAPES = {**SHAPES, "transient_weight": (), "temporal_scales": (4,), "temporal_powers": (4,)}
MEMORY = 0.25  # in seconds: how long before a frame what is seen in it began
TRANSIENT = 5  # in Hz: the frequency that the fourth channel is most sensitive to
AT_ONCE = 8  # frames that are filtered together, in one product


def cvvdp_video(
    x: Video, y: Video, *, data_range: Scalar, params: Params, frames_per_second: float, mask: Mask | None = None,
    display: str | Display = "standard_4k",
) -> Scores:  # fmt: skip
    r"""ColorVideoVDP of clips: `cvvdp` of what the eye makes of each frame and those of the quarter of a second before.

    $$\mathrm{JOD} = 10 - a \left(\frac{1}{T} \sum_t Q_t^2\right)^{b / 2}$$

    with Q of a frame as in `cvvdp`, but from four channels filtered in time: luminance, red-green, violet-yellow, and
    the luminance of what moves or flickers, best seen at 5 Hz. Before the first frame there were others like it.

    Args:
        x, y: `[..., T, H, W, 3]`, floating, of equal shape; a clip of one frame is an image.
        data_range, params, display: As for `cvvdp`.
        frames_per_second: > 0; static, for filters have as many taps as it asks for.
        mask: `[..., H, W]`, of all frames alike.

    Returns:
        `[...]` in JOD, just-objectionable differences: higher is better, exactly 10 for equal clips.

    Gradient:
        Finite everywhere, 0 for equal clips. It needs the memory of one frame's bands, and of the clip a few times.

    Example:
        >>> import functools, jax, jaxloss
        >>> y = jax.random.uniform(jax.random.key(0), (3, 6, 6, 3))
        >>> options = {"data_range": 1.0, "params": jaxloss.load_params("cvvdp"), "frames_per_second": 24.0}
        >>> score = jax.jit(functools.partial(jaxloss.cvvdp_video, **options))
        >>> print(score(1 - y, y).round(2))
        2.74

    Reference:
        "ColorVideoVDP: A visual difference predictor for image, video and display distortions", ACM TOG 43, 2024.
        https://doi.org/10.1145/3658144
    """
    clip = _prepare("cvvdp_video", x, y, data_range, params, frames_per_second, mask, display)
    if len(clip.x) == 1:
        x, y = (z[..., 0, :, :, :] for z in (x, y))
        return cvvdp(x, y, data_range=data_range, params=params, mask=mask, display=display)
    seen, source = _each_frame(clip, over_bands)
    q = power(power(seen, 2.0).mean(axis=0), 1 / 2)
    return keep_nan(10 - to_lost(q, clip.params), source.mean(axis=0))


def cvvdp_video_map(
    x: Video, y: Video, *, data_range: Scalar, params: Params, frames_per_second: float, mask: Mask | None = None,
    display: str | Display = "standard_4k",
) -> VolumeMap:  # fmt: skip
    """`1 - JOD / 10` of each pixel of each frame, `[..., T, H, W, 1]`, all bands together; 0 for equal clips."""
    clip = _prepare("cvvdp_video_map", x, y, data_range, params, frames_per_second, mask, display)
    if len(clip.x) == 1:
        x, y = (z[..., 0, :, :, :] for z in (x, y))
        image = cvvdp_map(x, y, data_range=data_range, params=params, mask=mask, display=display)
        return image[..., None, :, :, :]
    return jnp.moveaxis(_each_frame(clip, lambda bands: heat(bands, 1.0, clip.params)), 0, -4)


class Clip(NamedTuple):
    """Two clips, checked, and how they are seen."""

    x: Array  # [T, ..., H, W, 3]
    y: Array
    mask: Array | None  # [..., H, W]
    data_range: Scalar
    params: dict[str, Array]
    frames_per_second: float
    display: Display


def _prepare(
    name: str, x: Video, y: Video, data_range: Scalar, params: Params, frames_per_second: float, mask: Mask | None,
    display: str | Display,
) -> Clip:  # fmt: skip
    x, y = check_pair(name, x, y)
    if x.ndim < 4 or x.shape[-4] == 0:
        way_out = "Frames go before rows: jnp.stack(frames, axis=-4). Images are scored by jaxloss.cvvdp."
        raise ValueError(error_text(name, "x and y of shape [..., T, H, W, 3]", x.shape, way_out))
    check_positive(name, "frames_per_second", frames_per_second)
    shown = check_view(name, x, data_range, display)
    given = check_params(name, params, x, VIDEO_SHAPES)
    x, y = (jnp.moveaxis(z, -4, 0) for z in (x, y))
    if mask is not None:
        mask = check_mask(name, mask, x[0])
        x, y = (blank(z, jnp.broadcast_to(mask, z.shape[:-1])) for z in (x, y))
    return Clip(x, y, mask, data_range, given, frames_per_second, shown)


def _each_frame(clip: Clip, pool: Callable[[list[Band]], Any]) -> Any:
    """What `pool` makes of the bands of each frame, `[T, ...]`.

    In a loop over blocks of frames, each of which hands the next one what its filters look back at, and within a block
    in one over frames: of one at a time there are bands.
    """
    frames, size = len(clip.x), _frames_at_once(len(clip.x))
    filters = _band_matrices(temporal_filters(clip.frames_per_second, clip.params), size)
    weights = jnp.concatenate([jnp.ones(3, filters.dtype), clip.params["transient_weight"][None]])
    degree = pixels_per_degree(clip.display)

    def of_frame(channels: list[Array]) -> Any:
        return pool(find_bands(jnp.stack(channels, axis=-3), clip.mask, degree, clip.params, weights))

    def of_block(before: list[Array], block: tuple[Array, Array]) -> tuple[list[Array], Any]:
        x, y = block
        planes = opponent_planes(x, y, clip.display, clip.data_range)
        windows = [jnp.concatenate(parts) for parts in zip(before, planes, strict=True)]
        filtered = [
            jnp.tensordot(matrix, window, 1, precision=lax.Precision.HIGHEST)
            for matrix, window in zip(filters, [*windows, windows[0]], strict=True)
        ]
        seen = lax.map(jax.checkpoint(of_frame, prevent_cse=False), filtered)
        return [window[size:] for window in windows], seen

    first = opponent_planes(clip.x[0], clip.y[0], clip.display, clip.data_range)
    before = [jnp.broadcast_to(plane, (filters.shape[-1] - size, *plane.shape)) for plane in first]
    blocks = _cut(clip.x, size), _cut(clip.y, size)
    _, seen = lax.scan(jax.checkpoint(of_block, prevent_cse=False), before, blocks)
    return jax.tree.map(lambda z: z.reshape(-1, *z.shape[2:])[:frames], seen)


def _frames_at_once(frames: int) -> int:
    """The most that divide all frames; if those are few, so many that as few as possible are missing in the end."""
    divisors = [n for n in range(AT_ONCE // 2, AT_ONCE + 1) if frames % n == 0]
    return max(divisors, default=math.ceil(frames / math.ceil(frames / AT_ONCE)))


def _cut(frames: Array, size: int) -> Array:
    """`[blocks, size, ...]`, the last frame repeated where frames are missing."""
    missing = -len(frames) % size
    if missing:
        frames = jnp.concatenate([frames, *[frames[-1:]] * missing])
    return frames.reshape(-1, size, *frames.shape[1:])


def _band_matrices(filters: Array, size: int) -> Array:
    """`[4, size, size + taps - 1]`: what filters make of as many frames, and of those before."""
    taps = filters.shape[1]
    lag = np.arange(size + taps - 1) - np.arange(size)[:, None]
    reached = (lag >= 0) & (lag < taps)
    return jnp.where(reached[None], filters[:, np.where(reached, lag, 0)], 0)


def temporal_filters(frames_per_second: float, params: dict[str, Array]) -> Array:
    """`[4, taps]`, symmetric, from what they leave of the frequencies up to half of that of the frames."""
    half = math.ceil(MEMORY / 2 * frames_per_second)
    taps = 2 * half + 1
    powers, scales = (params[name][:, None] for name in ("temporal_powers", "temporal_scales"))
    frequencies = jnp.linspace(0, frames_per_second / 2, half + 1, dtype=powers.dtype)[None]
    place, best = frequencies**powers, TRANSIENT**powers
    transient = np.arange(4)[:, None] == 3
    amplitudes = jnp.exp(-jnp.where(transient, (place - best) ** 2, place) / scales)
    waves = np.cos(2 * math.pi / taps * np.outer(np.arange(-half, half + 1), np.arange(half + 1)))
    waves[:, 1:] *= 2  # of negative frequencies, too
    return (jnp.asarray(waves / taps, powers.dtype)[None] * amplitudes[:, None]).sum(axis=-1)
