"""How much memory SSIM and its gradient take, in sizes of the pair of images that is compared.

Twice: as the compiler plans it, and as a fresh process really grows. Both count the pair itself and the result.
"""

import itertools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss.registry import METRICS

from ._command import CHANNELS, SIZES, Parser, Size, names_from, parse_sizes, print_table, progress
from ._ours import our_function, our_params
from ._results import Record, append, describe_run, start_file
from ._summary import MODES, times


PROCESS = Path("/proc/self")


def main() -> None:
    parser = Parser("memory", __doc__)
    parser.add_argument("--metrics", type=names_from(METRICS), default=["ssim"], help="default: ssim")
    parser.add_argument("--sizes", type=parse_sizes, default=list(SIZES[2:]), help="default: 1080p and 4K")
    parser.add_output("memory.jsonl")
    options = parser.parse_args()

    start_file(options.output, describe_run("memory", {}))
    records = []
    plan: list[tuple[str, Size, str]] = list(itertools.product(options.metrics, options.sizes, MODES))
    for metric, size, mode in progress(plan):
        records.append(measure(metric, size, mode))
        append(options.output, records[-1])
    print_table("Peak memory, in sizes of the pair of images", HEADINGS, map(cells, records), words=HEADINGS[:3])


HEADINGS = ("metric", "images", "what", "planned", "real")


def cells(record: Record) -> tuple[str, ...]:
    return record["metric"], record["size"], MODES[record["mode"]], ratio(record, "planned"), ratio(record, "real")


def measure(metric: str, size: Size, mode: str) -> Record:
    """Bytes of the pair, of the compiler's plan, and of a process that does nothing else."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as process:
        planned, real = process.submit(peak_bytes, metric, tuple(size), mode).result()
    images, height, width = size
    pair = 2 * images * height * width * CHANNELS * 4
    return {
        "metric": metric,
        "size": str(size),
        "mode": mode,
        "pair_bytes": pair,
        "planned_bytes": planned,
        "real_bytes": real,
    }


def ratio(record: Record, which: str) -> str:
    peak = record[f"{which}_bytes"]
    return "unknown" if peak is None else times(peak / record["pair_bytes"])


def peak_bytes(metric: str, size: tuple[int, ...], mode: str) -> tuple[int, int | None]:
    """Planned and real peak, in this process; the real one is known on Linux, and on accelerators."""
    function, params = our_function(metric), our_params(metric)
    if mode == "value_and_grad":
        compiled = compile_for(jax.value_and_grad(lambda *arguments: function(*arguments).mean()), size, *params)
    else:
        compiled = compile_for(function, size, *params)
    plan = compiled.memory_analysis()
    planned = plan.argument_size_in_bytes + plan.temp_size_in_bytes + plan.output_size_in_bytes
    before = _reset_peak()
    x, y = jnp.full((*size, CHANNELS), 0.25, jnp.float32), jnp.full((*size, CHANNELS), 0.75, jnp.float32)
    for _ in range(3):
        jax.block_until_ready(compiled(x, y, *params))
    on_device = jax.devices()[0].memory_stats()
    if on_device:
        return planned, on_device["peak_bytes_in_use"]
    return planned, None if before is None else status_bytes("VmHWM") - before


def compile_for(function: Any, size: tuple[int, ...], *params: Any) -> Any:
    image = jax.ShapeDtypeStruct((*size, CHANNELS), jnp.float32)
    return jax.jit(function).lower(image, image, *params).compile()


def _reset_peak() -> int | None:
    """Make the kernel forget the peak of this process, which the compiler drove up; returns its present size."""
    try:
        (PROCESS / "clear_refs").write_text("5", encoding="ascii")
        return status_bytes("VmRSS")
    except OSError:
        return None


def status_bytes(field: str) -> int:
    """Of this process, on Linux: `VmRSS` is its size, `VmHWM` its peak."""
    lines = (PROCESS / "status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main()
