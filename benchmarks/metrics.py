"""Time every metric of the registry against its peers and against the floor that the machine sets.

For each metric, size, dtype and mode one race: jaxloss, all installed peers, and two kernels that show what the machine
can do. Milliseconds are medians over interleaved runs.
"""

import itertools
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from jaxloss.registry import METRICS

from ._command import CHANNELS, SIZES, Parser, Size, names_from, parse_sizes, print_table, progress
from ._ours import our_entrants
from ._results import Record, Run, append, describe_run, start_file
from ._roofline import MATRIX, TRIAD, WORK, floor_seconds, kernels, measured_rates
from ._summary import FLOOR, HEADINGS, MODES, OURS, answers, cells
from ._timing import Timing, race
from .peers import PEERS, missing, peers_of


DTYPES = ("float32", "float64", "bfloat16", "float16")


def main() -> None:
    parser = Parser("metrics", __doc__)
    parser.add_argument("--metrics", type=names_from(METRICS), default=list(METRICS), help="default: all")
    parser.add_argument("--sizes", type=parse_sizes, default=list(SIZES), help="default: 64², 256², 1080p, 4K")
    parser.add_argument("--dtypes", type=names_from(DTYPES), default=["float32"], help="default: float32")
    parser.add_argument("--modes", type=names_from(MODES), default=list(MODES), help="default: all")
    parser.add_argument("--seconds", type=float, default=5.0, help="least time of a race (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="least number of turns for each (default: %(default)s)")
    parser.add_output("metrics.jsonl")
    options = parser.parse_args()

    errors = Console(stderr=True)
    libraries = list(dict.fromkeys(peer.library for peer in PEERS if peer.race))
    for reason in filter(None, map(missing, libraries)):
        errors.print(reason, highlight=False)
    settings = {"seconds": options.seconds, "rounds": options.rounds}
    about = describe_run("metrics", settings, libraries)
    start_file(options.output, about)
    plan = []
    for metric, size in itertools.product(options.metrics, options.sizes):
        smallest = METRICS[metric].smallest
        if min(size[1:]) < smallest:
            errors.print(f"{metric} is left out at {size}: it needs {smallest} pixels", highlight=False)
        else:
            plan += [(metric, size, dtype) for dtype in options.dtypes]
    measurements = []
    for metric, size, dtype in progress(plan):
        for record in compare(metric, size, dtype, options.modes, options.seconds, options.rounds):
            append(options.output, record)
            measurements.append(record)
    print_table(
        f"jaxloss against the fastest peer, {about['device']}",
        HEADINGS,
        map(cells, answers([Run(about, measurements)])),
        words=("metric", "images", "what", "fastest peer"),
    )


def compare(metric: str, size: Size, dtype: str, modes: list[str], seconds: float, rounds: int) -> Iterator[Record]:
    """One race per mode: the measurements of jaxloss, the peers and the floor."""
    with jax.enable_x64(True) if dtype == "float64" else nullcontext():
        x, y = images(size)
        ours = jnp.asarray(x, dtype), jnp.asarray(y, dtype)
        entrants = {**our_entrants(metric, *ours), **peers_of(metric, x, y, dtype)}
        for mode in modes:
            entered = {name: getattr(entrant, mode) for name, entrant in entrants.items()}
            contestants = {name: contestant for name, contestant in entered.items() if contestant is not None}
            timings = race(
                contestants | kernels(*ours),
                seconds=seconds,
                rounds=rounds,
                on_failure=partial(leave_out, metric, mode),
            )
            yield from records(timings, metric, mode, x.size, {"metric": metric, "size": str(size), "dtype": dtype})


def leave_out(metric: str, mode: str, name: str, error: Exception) -> None:
    """Go on without a peer that fails on these images, such as those in half precision."""
    if name.startswith(OURS) or name in (MATRIX, TRIAD):
        raise error
    reason = str(error).strip().partition("\n")[0]
    print(f"{name} is left out of {metric}, {MODES[mode]}: {reason}", file=sys.stderr)


def images(size: Size) -> tuple[np.ndarray, np.ndarray]:
    """A batch of references of random pixels, and its distorted version: no metric here depends on the content."""
    rng = np.random.default_rng(0)
    y = rng.random((*size, CHANNELS), np.float32)
    return np.clip(y + 0.1 * rng.standard_normal(y.shape, np.float32), 0, 1), y


def records(timings: dict[str, Timing], metric: str, mode: str, pixels: int, race_of: Record) -> Iterator[Record]:
    for name, timing in timings.items():
        if name not in (MATRIX, TRIAD):
            yield {
                **race_of,
                "mode": mode,
                "contestant": name,
                "median_ms": round(1e3 * timing.median, 4),
                "quartiles_ms": [round(1e3 * timing.low, 4), round(1e3 * timing.high, 4)],
                "runs": timing.runs,
            }
    if metric in WORK:
        rates = measured_rates(timings, pixels)
        yield {
            **race_of,
            "mode": mode,
            "contestant": FLOOR,
            "median_ms": round(1e3 * floor_seconds(WORK[metric][mode], rates, pixels), 4),
            "giga_multiply_adds_per_second": round(rates.multiply_adds / 1e9, 2),
            "giga_values_per_second": round(rates.transfers / 1e9, 2),
        }


if __name__ == "__main__":
    main()
