"""The other libraries behind one call: images `[H, W, C]` as NumPy arrays in, score and gradient out."""

import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from benchmarks.peers import LIBRARIES, Entrant, Peer, entrants, missing, prepare_torchvision
from jaxloss.registry import METRICS


def peer(name: str) -> Any:
    """Import a module. Without it skip the test, or fail it where JAXLOSS_REQUIRE_PEERS=1 says that it is there."""
    try:
        with foreign_code():
            if name == "torchvision":
                prepare_torchvision()
            return importlib.import_module(name)
    except ImportError as error:
        absent(f"{name} cannot be imported ({error}).")


def require(library: str) -> None:
    """Likewise for a library of the table; what needs CUDA is not asked for."""
    with foreign_code():
        reason = missing(library)
    if reason and LIBRARIES[library].cuda:
        pytest.skip(reason)
    if reason:
        absent(reason)


def absent(reason: str) -> None:
    reason = f'{reason} Install the package with its extra "parity".'
    pytest.fail(reason) if os.environ.get("JAXLOSS_REQUIRE_PEERS") == "1" else pytest.skip(reason)


@contextmanager
def foreign_code() -> Iterator[None]:
    """Inside, warnings are not errors and JAX promotes as it does by default: our strictness is not that of others."""
    with warnings.catch_warnings(), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        warnings.simplefilter("ignore")
        yield


class Outcome(NamedTuple):
    """A score and its gradient with respect to `x`, None for a library without derivatives."""

    score: float
    gradient: np.ndarray | None


def outcome(peer: Peer, x: np.ndarray, y: np.ndarray) -> Outcome:
    """In the precision of the images."""
    require(peer.library)
    with foreign_code(), jax.enable_x64(x.dtype == np.float64):
        (_, _, entrant), *_ = entrants([peer], x[None], y[None], str(x.dtype))
        found = outcome_of(entrant, x[None].shape)
    return found if found.gradient is None else found._replace(gradient=found.gradient[0])


def outcome_of(entrant: Entrant, shape: tuple[int, ...]) -> Outcome:
    """Of the images of a batch, in the shape of the batch."""
    contestant = entrant.value_and_grad or entrant.value
    result = contestant.function(*contestant.arguments)
    contestant.wait(result)
    if entrant.value_and_grad is None:
        return Outcome(float(np.mean(result)), None)
    score, gradient = map(np.asarray, result)
    return Outcome(float(score), gradient if gradient.shape == shape else np.moveaxis(gradient, 1, -1))


def assert_same(what: str, peer: Peer, ours: tuple[Any, Any], theirs: Outcome, x: np.ndarray, y: np.ndarray) -> None:
    """Our score and gradient and theirs, to the tolerances of the row."""
    score, gradient = ours
    row = METRICS[peer.metric]
    scale = 1 if row.highest < np.inf or 0 < row.perfect < np.inf else min(1, abs(theirs.score))
    distance = abs(float(score) - theirs.score)
    assert distance <= peer.tolerance * scale, f"{what}: {score} instead of {theirs.score}"
    if theirs.gradient is None:
        return
    expected = theirs.gradient if peer.mended is None else peer.mended(theirs.gradient, x, y)
    counts = np.isfinite(expected)
    assert counts.all() if peer.mended is None else counts.mean() > 0.4, what
    distance = relative(gradient, expected)
    assert distance <= peer.slope_tolerance, f"{what}: gradients {distance:.1e} apart"


def relative(gradient: Any, expected: np.ndarray) -> float:
    """The distance of two gradients by the length of the second, without pixels where that is NaN."""
    counts = np.isfinite(expected)
    length = np.linalg.norm(expected[counts])
    distance = np.linalg.norm(np.asarray(gradient, np.float64)[counts] - expected[counts])
    return float(distance / length) if length else float(distance)
