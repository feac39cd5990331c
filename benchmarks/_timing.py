"""The only timer: contestants take turns in one process, so that a busy machine hits them all alike."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np


# A turn starts with untimed runs: the contestant before leaves its data in the caches and its threads spinning.
SETTLE = 0.03  # seconds
TURN = 0.1  # seconds; a run as long as this does not need to settle and counts at once

Clock = Callable[[], float]


@dataclass(frozen=True)
class Contestant:
    """Something to time: `wait(function(*arguments))`.

    Attributes:
        function: What is timed. Data come in as arguments: constants would be folded by a compiler.
        arguments: Already on the device.
        wait: Blocks until the result is there.
        prepare: Runs before each run, untimed.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    wait: Callable[[Any], object] = jax.block_until_ready
    prepare: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Timing:
    """Seconds per run: median and quartiles."""

    median: float
    low: float
    high: float
    runs: int


def race(
    contestants: Mapping[str, Contestant],
    *,
    seconds: float,
    rounds: int = 5,
    clock: Clock = time.perf_counter,
    on_failure: Callable[[str, Exception], object] | None = None,
) -> dict[str, Timing]:
    """Time contestants in turns.

    Args:
        contestants: By name.
        seconds: Rounds go on until this time has passed.
        rounds: Least number of rounds, whatever time they take.
        clock: Seconds from any origin.
        on_failure: Called with a contestant that fails in the warm-up, which then does not take part. Without it, the
            error is raised.

    Returns:
        The timing of each contestant, at least one run per round.
    """
    contestants = dict(_warmed_up(contestants, clock, on_failure))
    runs: dict[str, list[float]] = {name: [] for name in contestants}
    with _no_garbage_collection():
        start, finished = clock(), 0
        while finished < rounds or clock() - start < seconds:
            for name, contestant in contestants.items():
                runs[name] += take_turn(contestant, clock)
            finished += 1
    return {name: summarize(durations) for name, durations in runs.items()}


def _warmed_up(
    contestants: Mapping[str, Contestant], clock: Clock, on_failure: Callable[[str, Exception], object] | None
) -> Iterator[tuple[str, Contestant]]:
    """One run of each, which compiles, allocates and loads libraries."""
    for name, contestant in contestants.items():
        try:
            time_once(contestant, clock)
        except Exception as error:
            if on_failure is None:
                raise
            on_failure(name, error)
        else:
            yield name, contestant


def take_turn(contestant: Contestant, clock: Clock) -> list[float]:
    """Run again and again for `TURN` seconds: the seconds of each run that counts."""
    elapsed, counted = 0.0, []
    while elapsed < TURN or not counted:
        duration = time_once(contestant, clock)
        if elapsed >= SETTLE or duration >= TURN:
            counted.append(duration)
        elapsed += duration
    return counted


def time_once(contestant: Contestant, clock: Clock) -> float:
    contestant.prepare()
    start = clock()
    contestant.wait(contestant.function(*contestant.arguments))
    return clock() - start


def summarize(durations: list[float]) -> Timing:
    low, median, high = np.percentile(durations, (25, 50, 75)).tolist()
    return Timing(median, low, high, len(durations))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
