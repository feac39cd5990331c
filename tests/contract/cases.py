"""The registry as test cases: how to call each of its functions on small images."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
import pytest

from jaxloss.registry import METRICS, Metric


Function = Callable[..., jax.Array]
Pair = tuple[np.ndarray, np.ndarray]

# What has weights takes images of three channels only, and seconds: its laws are in tests/perceptual.
CLOSED_FORMS = {name: row for name, row in METRICS.items() if not row.params}


def each(rows: Iterable[Metric]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in rows])


every_row = each(METRICS.values())
every_metric = each(CLOSED_FORMS.values())
every_masked_metric = each(row for row in CLOSED_FORMS.values() if row.mask)
every_ranged_metric = each(row for row in CLOSED_FORMS.values() if "data_range" in row.needs)

# Odd and even, not square: what a mix-up of the axes or of the parity would show on.
HEIGHT, WIDTH = 24, 27
NEEDED = {"data_range": 1.0}
# Fewer scales and smaller windows than the published ones, where those ask for large images.
_TWO_SCALES = {"weights": (0.5, 0.5), "window_size": 7}
_TWO_SIGMAS = {"sigmas": (0.5, 1.5), "window_size": 7}
SMALL_OPTIONS: dict[str, dict[str, Any]] = {
    # As smooth as finite differences need them, and without weights whose change is no part of the gradient.
    "charbonnier_loss": {"epsilon": 0.1},
    "gradient_loss": {"norm": "l2"},
    "focal_frequency_loss": {"alpha": 0.0},
    "ms_ssim": _TWO_SCALES,
    "ms_ssim_loss": _TWO_SCALES,
    "multi_sigma_ssim": _TWO_SIGMAS,
    "multi_sigma_ssim_loss": _TWO_SIGMAS,
    "mix_loss": _TWO_SIGMAS,
}


def default(row: Metric) -> Function:
    """The function with what it needs, for images of at least `row.smallest` pixels a side."""
    return functools.partial(row.function, **{name: NEEDED[name] for name in row.needs})


def small(row: Metric) -> Function:
    """The function with options that make it fit `small_shape`."""
    return functools.partial(default(row), **SMALL_OPTIONS.get(row.name, {}))


@functools.cache
def compiled(row: Metric) -> Function:
    """`small(row)` as one program for each shape, which all tests share: operation by operation takes far longer."""
    return jax.jit(small(row))


def small_shape(row: Metric) -> tuple[int, int]:
    least = 1 if row.name in SMALL_OPTIONS else row.smallest
    return max(HEIGHT, least), max(WIDTH, least)


def random_pair(row: Metric, rng: np.random.Generator, *leading: int, channels: int = 3) -> Pair:
    """Two related images, `[*leading, H, W, channels]`, float32 in [0, 1]: a reference and the same with noise."""
    shape = (*leading, *small_shape(row), channels)
    y = rng.random(shape, np.float32)
    x = np.clip(y + rng.normal(0, 0.2, shape).astype(np.float32), 0, 1)
    return x, y
