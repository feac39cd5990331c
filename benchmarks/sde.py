"""How fast random paths of the perceptual loss are drawn, beside the same loop in NumPy, and in what memory.

Only the end of each path is kept. Both draw one standard normal number per path and step, in float32.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxloss.sde import SCHEMES, PerceptualLossModel, simulate

from ._command import Parser, names_from, print_table, progress
from ._results import Record, append, describe_run, start_file
from ._summary import significant, times
from ._timing import Contestant, race


MU, KAPPA, INITIAL = -1.0, 0.5, 0.5
MODEL = PerceptualLossModel(mu=MU, sigma=KAPPA)


def main() -> None:
    parser = Parser("sde", __doc__)
    parser.add_argument("--schemes", type=names_from(SCHEMES), default=list(SCHEMES), help="default: all")
    parser.add_argument("--paths", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=100, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=20.0, help="least time per scheme (default: %(default)s)")
    parser.add_output("sde.jsonl")
    options = parser.parse_args()
    if min(options.paths, options.steps) < 1:
        parser.error("expected at least 1 path and 1 step")

    start_file(options.output, describe_run("sde", {"seconds": options.seconds}))
    records = []
    for scheme in progress(options.schemes):
        records.append(measure(scheme, options.paths, options.steps, options.seconds))
        append(options.output, records[-1])
    print_table("Paths of the perceptual loss", HEADINGS, map(cells, records), words=HEADINGS[:1])


HEADINGS = ("scheme", "paths", "steps", "jaxloss, ms", "numpy, ms", "faster by", "bytes per path")


def cells(record: Record) -> tuple[str, ...]:
    ours, theirs = record["jaxloss_ms"], record["numpy_ms"]
    return (
        record["scheme"],
        str(record["paths"]),
        str(record["steps"]),
        significant(ours),
        significant(theirs),
        times(theirs / ours),
        significant(record["planned_bytes"] / record["paths"]),
    )


def measure(scheme: str, paths: int, steps: int, seconds: float) -> Record:
    """Medians of one race, and the memory that the compiler plans beside the arguments."""
    grid = np.linspace(0, 1, steps + 1)
    draw = jax.jit(lambda key: simulate(key, MODEL, INITIAL, grid, paths=paths, keep=[-1], scheme=scheme))
    key = jax.random.key(0)
    plan: Any = draw.lower(key).compile().memory_analysis()
    peer = functools.partial(simulate_numpy, np.random.default_rng(0), grid, paths, scheme)
    contestants = {"jaxloss": Contestant(draw, (key,)), "numpy": Contestant(peer)}
    timings = race(contestants, seconds=seconds, rounds=3)
    return {
        "scheme": scheme,
        "paths": paths,
        "steps": steps,
        **{f"{name}_ms": round(1000 * timing.median, 4) for name, timing in timings.items()},
        "planned_bytes": plan.temp_size_in_bytes + plan.output_size_in_bytes,
    }


def simulate_numpy(rng: np.random.Generator, grid: np.ndarray, paths: int, scheme: str) -> np.ndarray:
    """All paths at once, one step after the other, in place."""
    loss, normal = np.full(paths, INITIAL, np.float32), np.empty(paths, np.float32)
    factor = NUMPY_FACTORS[scheme]
    for step in np.diff(grid):
        rng.standard_normal(dtype=np.float32, out=normal)
        loss *= factor(normal, np.float32(step))
    return loss


def _exact(normal: np.ndarray, step: np.float32) -> np.ndarray:
    normal *= np.float32(KAPPA) * np.sqrt(step)
    normal += np.float32(MU - KAPPA**2 / 2) * step
    return np.exp(normal, out=normal)


def _euler_maruyama(normal: np.ndarray, step: np.float32) -> np.ndarray:
    normal *= np.float32(KAPPA) * np.sqrt(step)
    normal += 1 + np.float32(MU) * step
    return normal


def _milstein(normal: np.ndarray, step: np.float32) -> np.ndarray:
    """`1 + mu h + k w + k² (w² - h) / 2`, with the square completed."""
    normal *= np.float32(KAPPA) * np.sqrt(step)
    normal += np.float32(1)
    np.square(normal, out=normal)
    normal += 1 + (2 * np.float32(MU) - np.float32(KAPPA**2)) * step
    normal *= np.float32(0.5)
    return normal


NUMPY_FACTORS: dict[str, Callable[[np.ndarray, np.float32], np.ndarray]] = {
    "exact": _exact,
    "euler_maruyama": _euler_maruyama,
    "milstein": _milstein,
}


if __name__ == "__main__":
    main()
