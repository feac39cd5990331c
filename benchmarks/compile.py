"""How long every metric of the registry takes to trace and to compile, on one image of 256 x 256.

Each run is that of a fresh `jax.jit` with all caches empty.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss.registry import METRICS

from ._command import CHANNELS, Parser, names_from, print_table, progress
from ._ours import our_function, our_params
from ._results import Record, append, describe_run, start_file
from ._summary import MODES
from ._timing import Contestant, race


SIDE = 256


def main() -> None:
    parser = Parser("compile", __doc__)
    parser.add_argument("--metrics", type=names_from(METRICS), default=list(METRICS), help="default: all")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: %(default)s)")
    parser.add_output("compile.jsonl")
    options = parser.parse_args()

    start_file(options.output, describe_run("compile", {"rounds": options.rounds, "side": SIDE}))
    records = []
    for metric in progress(options.metrics):
        for record in measure(metric, options.rounds):
            append(options.output, record)
            records.append(record)
    print_table(f"Seconds on one image of {SIDE} x {SIDE}", HEADINGS, map(cells, records), words=HEADINGS[:2])


HEADINGS = ("metric", "what", "trace", "trace and compile")


def cells(record: Record) -> tuple[str, ...]:
    return record["metric"], MODES[record["mode"]], f"{record['trace_s']:.2f}", f"{record['total_s']:.2f}"


def measure(metric: str, rounds: int) -> Iterator[Record]:
    function, params = our_function(metric), our_params(metric)
    for mode, transformed in {"value": function, "value_and_grad": jax.value_and_grad(function)}.items():
        contestants = {
            "trace": Contestant(trace, (transformed, *params), prepare=jax.clear_caches),
            "total": Contestant(trace_and_compile, (transformed, *params), prepare=jax.clear_caches),
        }
        timings = race(contestants, seconds=0, rounds=rounds)
        yield {"metric": metric, "mode": mode, **{f"{k}_s": round(t.median, 4) for k, t in timings.items()}}


def trace(function: Callable[..., Any], *params: Any) -> Any:
    image = jax.ShapeDtypeStruct((SIDE, SIDE, CHANNELS), jnp.float32)
    return jax.jit(function).lower(image, image, *params)


def trace_and_compile(function: Callable[..., Any], *params: Any) -> Any:
    return trace(function, *params).compile()


if __name__ == "__main__":
    main()
