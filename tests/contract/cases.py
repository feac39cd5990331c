"""The registry as test cases: each row's programs, compiled once, and what they make of one stack of image pairs."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.registry import METRICS, Metric
from tests.networks import through_thin_networks, tiny_params


Function = Callable[..., Any]
Pair = tuple[np.ndarray, np.ndarray]

# Odd and even, not square: what a mix-up of the axes or of the parity would show on.
HEIGHT, WIDTH = 24, 27
CHANNELS = 3
NEEDED: Mapping[str, Any] = {"data_range": 1.0}


def each(rows: Iterable[Metric]) -> pytest.MarkDecorator:
    """The tests of a row run in one process, which compiles its programs once."""
    marked = [pytest.param(row, id=row.name, marks=pytest.mark.xdist_group(row.name)) for row in rows]
    return pytest.mark.parametrize("row", marked)


every_row = each(METRICS.values())
every_masked_row = each(row for row in METRICS.values() if row.mask)
every_ranged_row = each(row for row in METRICS.values() if "data_range" in row.needs)


# One for each machinery: pixels, transform, sums of one field, a pyramid of them, several windows, a network.
REPRESENTATIVES = ("mse", "focal_frequency_loss", "ssim", "ms_ssim", "mix_loss", "lpips")


def each_engine(names: Iterable[str] = REPRESENTATIVES) -> pytest.MarkDecorator:
    """Laws of the machinery: over a few rows, and over all with `-m "full or not full"`."""
    rows = []
    for name, row in METRICS.items():
        marks = [pytest.mark.xdist_group(name), *([] if name in names else [pytest.mark.full])]
        rows.append(pytest.param(row, id=name, marks=marks))
    return pytest.mark.parametrize("row", rows)


every_engine = each_engine()


def params_of(row: Metric) -> dict[str, Any]:
    """Of a row with weights: `params=` with random ones of thin and short networks."""
    return {"params": tiny_params(row.params, short=True)} if row.params else {}


def default(row: Metric, **more: Any) -> Function:
    """The row's function as published, for images of at least `row.smallest` pixels a side."""
    needed = {name: NEEDED[name] for name in row.needs if name in NEEDED}
    function = through_thin_networks(row.function, short=True) if row.params else row.function
    return functools.partial(function, **{**needed, **row.options, **more})


def example(row: Metric, **more: Any) -> Function:
    """The same with options that make it small and smooth, for images of `shape_of(row)`."""
    return default(row, **{**row.example, **more})


def shape_of(row: Metric) -> tuple[int, int, int]:
    return max(HEIGHT, row.example_side), max(WIDTH, row.example_side + 3), CHANNELS


def abstract(row: Metric, *leading: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((*leading, *shape_of(row)), dtype)


def abstract_params(row: Metric) -> dict[str, Any]:
    return jax.tree.map(lambda z: jax.ShapeDtypeStruct(z.shape, z.dtype), params_of(row))


class Outcome(NamedTuple):
    """What a program returns for a stack of pairs: scores `[n]`, and the gradients of each by both of its images."""

    scores: np.ndarray
    by_x: np.ndarray
    by_y: np.ndarray


@functools.cache
def program(row: Metric, *, masked: bool = False) -> Callable[..., Outcome]:
    """`(x, y, mask=, data_range=, cotangent=) -> Outcome`; all of them arguments of one compiled program."""
    ranged = "data_range" in row.needs

    @jax.jit
    def evaluate(x: Any, y: Any, cotangent: Any, data_range: Any, more: dict[str, Any]) -> Any:
        given = {"data_range": data_range} if ranged else {}
        scores, pull_back = jax.vjp(lambda x, y: example(row)(x, y, **given, **more), x, y)
        return scores, *pull_back(cotangent)

    params = params_of(row)

    def call(
        x: np.ndarray,
        y: np.ndarray,
        mask: np.ndarray | None = None,
        data_range: float = 1.0,
        cotangent: np.ndarray | None = None,
    ) -> Outcome:
        assert masked == (mask is not None)
        more = params if mask is None else {**params, "mask": mask}
        cotangent = np.ones(len(x), np.float32) if cotangent is None else cotangent
        return Outcome(*map(np.asarray, evaluate(x, y, cotangent, np.float32(data_range), more)))

    return call


NOISE = (0.0, 0.02, 0.1, 0.3)  # standard deviations


@functools.cache
def pairs(row: Metric) -> dict[str, Pair]:
    """By name: related images, ever more noise, and pairs at which careless gradients are not finite."""
    rng = np.random.default_rng(0)
    shape = shape_of(row)
    texture, other = rng.random((2, *shape), np.float32)
    noise = rng.normal(0, 1, shape).astype(np.float32)
    black, gray, white = (np.full_like(texture, value) for value in (0.0, 0.5, 1.0))
    dot = black.copy()
    dot[5, 6] = 1
    noisy = {f"noise {amount}": (texture + amount * noise, texture) for amount in NOISE}
    return noisy | {
        "related": (np.clip(other + 0.2 * noise, 0, 1), other),
        "exchanged": (other, np.clip(other + 0.2 * noise, 0, 1)),
        "random": (texture, other),
        "identical": (texture, texture),
        "both black": (black, black),
        "both white": (white, white),
        "both gray": (gray, gray),
        "black, white": (black, white),
        "white, black": (white, black),
        "inverted": (1 - texture, texture),
        "texture, gray": (texture, gray),
        "gray, texture": (gray, texture),
        "texture, black": (texture, black),
        "black, texture": (black, texture),
        "dot, black": (dot, black),
        "almost black": (1e-20 * texture, black),
    }


def stack(row: Metric) -> Pair:
    x, y = (np.stack(side) for side in zip(*pairs(row).values(), strict=True))
    return x, y


@functools.cache
def outcome(row: Metric) -> Outcome:
    """Of `stack(row)`."""
    return program(row)(*stack(row))


def outcome_of(row: Metric, x: np.ndarray, y: np.ndarray) -> Outcome:
    """Of other pairs, no more than the stack has: repeated to as many, for which the program is compiled."""
    count, (like, _) = len(x), stack(row)
    assert count <= len(like)
    result = program(row)(*(np.resize(z, like.shape) for z in (x, y)))
    return Outcome(*(z[:count] for z in result))


# By how many times the usual rounding two programs may differ, where gradients at a few pixels lose digits: they do by
# 1.04 to 1.5 times, and by 3.6 times.
ROUNDING = {"ciede2000": 2, "hdr_flip": 2, "lpips_squeeze": 2, "ssimulacra2": 2, "delta_e_76": 4}


def assert_same(found: Any, expected: Any, row: Metric) -> None:
    """Results of two programs, to the rounding of float32: of an array's largest number, where that is beyond 1."""
    rounding = ROUNDING.get(row.name, 1)

    def same(found: Any, expected: Any) -> None:
        expected = np.asarray(expected)
        assert np.isfinite(expected).all()
        largest = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=rounding * 1e-5, atol=rounding * 1e-6 * largest)

    jax.tree.map(same, found, expected)


def at(row: Metric, *names: str) -> list[int]:
    """Where pairs stand in the stack."""
    order = list(pairs(row))
    return [order.index(name) for name in names]


# What the metrics that are blind to it take for equal.
UNSEEN = {"flat reference": ("texture, gray", "texture, black"), "inversion": ("inverted",)}


def unseen(row: Metric) -> set[str]:
    """Names of pairs that are not equal, but perfect for the row."""
    return {name for kind in row.blind_to for name in UNSEEN[kind]}


def is_equal(row: Metric) -> np.ndarray:
    """Which pairs of the stack are of equal images; for a row that finds faults in one alone, of those without any."""
    faultless = [not row.own_faults or np.ptp(x) == 0 for x, _ in pairs(row).values()]
    return np.array([np.array_equal(x, y) for x, y in pairs(row).values()]) & faultless
