"""Every row of the table of peers: our score and gradient are theirs, and so are those of the races.

In float32 the peers are the less exact ones: where an image is bright and flat, E[x²] - µ² leaves few digits, and the
mean SSIM of tensorflow, piq, torchmetrics and dm_pix are off by 1e-5 to 4e-4, their gradients by more than 1e-4
relative. That is their rounding: run in float64 they return our float32 to 1e-5. So the float32 of a peer is the
reference on easy pairs, and its float64 on those that cost it digits.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from benchmarks._ours import our_function, our_params
from benchmarks.peers import PEERS, Peer, entrants
from jaxloss.registry import METRICS
from tests.parity._pairs import Distortion, add_noise, blur, compress, invert, invert_one_channel, reduce_contrast
from tests.parity._peers import assert_same, foreign_code, outcome, outcome_of, relative, require


Load = Callable[..., np.ndarray]

pytestmark = pytest.mark.usefixtures("real_squeezenet")

EASY: list[tuple[str, Distortion]] = [
    ("astronaut", add_noise), ("kodim03", blur), ("camera", add_noise), ("kodim08", blur),
]  # fmt: skip
HARD: list[tuple[str, Distortion]] = [
    ("chelsea", compress), ("coffee", reduce_contrast), ("kodim07", invert_one_channel), ("astronaut", invert),
    ("kodim03", compress), ("kodim04", compress), ("camera", reduce_contrast), ("kodim08", invert),
]  # fmt: skip
GRAY = ("camera", "kodim04", "kodim08")


@cache
def program(metric: str, given: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
    function, options = our_function(metric), dict(given)
    return jax.jit(jax.value_and_grad(lambda x, y, *params: function(x, y, *params, **options)))


@cache
def params_of(metric: str) -> tuple[Any, ...]:
    return our_params(metric)


def ours(peer: Peer, x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
    """Rows with the same options share a program."""
    defaults = inspect.signature(METRICS[peer.metric].function).parameters
    options = {key: value for key, value in peer.ours.items() if key not in defaults or value != defaults[key].default}
    return program(peer.metric, tuple(options.items()))(x, y, *params_of(peer.metric))


def sides(metric: str, gray: bool) -> tuple[int, int]:
    """Odd ones for colors, even ones for gray; pooled four times, 181 and 203 are odd on both axes, then on one."""
    large = METRICS[metric].smallest > 90
    return ((192, 256) if large else (96, 132)) if gray else ((181, 203) if large else (97, 131))


# The rows of a metric in one process, which compiles its programs once.
ROWS = [pytest.param(peer, marks=pytest.mark.xdist_group(peer.metric), id=str(peer)) for peer in PEERS]


@pytest.mark.parametrize("peer", ROWS)
def test_scores_and_gradients(peer: Peer, load: Load) -> None:
    require(peer.library)
    for precision, pairs in zip(peer.precision, (EASY, HARD), strict=True):
        for name, distort in pairs if precision else ():
            gray = name in GRAY
            if gray and METRICS[peer.metric].misfit((999, 999, 1)):
                continue
            y = load(name, *sides(peer.metric, gray), gray=gray)
            x = distort(y)
            theirs = outcome(peer, x.astype(precision), y.astype(precision))
            assert_same(f"{name}, {distort.__name__}", peer, ours(peer, x, y), theirs, x, y)


RACES = list(dict.fromkeys(peer.metric for peer in PEERS if peer.race))


@pytest.mark.parametrize("metric", RACES)
def test_races_are_between_the_same_numbers(metric: str, load: Load) -> None:
    """In both memory layouts, of a batch; values, too, which are computed without derivatives."""
    racers = [peer for peer in PEERS if peer.race and peer.metric == metric]
    present = [peer for peer in racers if peer.library != "fused-ssim"]
    for peer in present:
        require(peer.library)
    y = np.stack([load(name, *sides(metric, False)) for name in ("astronaut", "kodim07")])
    x = np.stack([add_noise(image) for image in y])
    with foreign_code():
        for peer, layout, entrant in entrants(present, x, y, "float32"):
            alone = [outcome(peer, *pair) for pair in zip(x, y, strict=True)]
            what = f"{peer}{layout}"
            expected = np.mean([one.score for one in alone])
            value = np.mean(np.asarray(entrant.value.function(*entrant.value.arguments)))
            assert value == pytest.approx(expected, rel=1e-5), what
            together = outcome_of(entrant, x.shape)
            assert together.score == pytest.approx(expected, rel=1e-5), what
            for gradient, one in zip(together.gradient if together.gradient is not None else (), alone, strict=False):
                assert one.gradient is not None and relative(len(x) * gradient, one.gradient) < 1e-4, what


def test_psnr_of_equal_images(load: Load) -> None:
    y = load("kodim08", 32, 32)
    assert jaxloss.psnr(y, y, data_range=1.0) == np.inf
    for peer in PEERS:
        if peer.metric == "psnr" and peer.library not in ("piq", "piqa", "tensorflow"):
            assert outcome(peer, y, y).score == np.inf, peer


CONVENTIONS: dict[str, Mapping[str, Any]] = {
    "ssim": jaxloss.SSIM_CONVENTIONS,
    "ms_ssim": jaxloss.MS_SSIM_CONVENTIONS,
}
ELSEWHERE = ("matlab", "fused_ssim")  # test_ssim_references.py


def test_every_convention_has_its_library() -> None:
    for metric, rows in CONVENTIONS.items():
        compared = [dict(peer.ours) for peer in PEERS if peer.metric == metric]
        for name, options in rows.items():
            assert options in compared or name in ELSEWHERE, (metric, name)
