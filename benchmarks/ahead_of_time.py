"""What the compiler makes of a metric for GPUs and TPUs that are not there: kernels, memory, traffic, collectives.

Nothing runs. Needs the extra `accelerators`, on Linux.
"""

import functools
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss.registry import METRICS

from ._command import CHANNELS, SIZES, Parser, Size, names_from, parse_sizes, print_table, progress
from ._compile_only import DEVICES, missing_plugins, prepare, sharding
from ._hlo_kernels import ASYNC, Kernel, read_program
from ._ours import our_function, our_params
from ._results import Record, Run, append, describe_run, start_file
from ._summary import MODES, significant, times


# Of the registry, and rows of it with other options than the published ones.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in METRICS},
    "lpips_vgg_in_strips": ("lpips_vgg", {"strip_rows": 128}),
}
USUAL_METRICS = ["ssim", "ms_ssim", "multi_sigma_ssim", "lpips", "lpips_vgg", "lpips_vgg_in_strips"]
USUAL_SIZES = [SIZES[1], SIZES[3]]


def main() -> None:
    parser = Parser("ahead_of_time", __doc__)
    parser.add_argument("--devices", type=names_from(DEVICES), default=list(DEVICES), help="default: all")
    parser.add_argument(
        "--metrics", type=names_from(VARIANTS), default=USUAL_METRICS, help=f"default: {','.join(USUAL_METRICS)}"
    )
    parser.add_argument("--sizes", type=parse_sizes, default=USUAL_SIZES, help="default: 8x256x256 and 4K")
    parser.add_argument("--modes", type=names_from(MODES), default=list(MODES), help="default: both")
    parser.add_argument("--hlo", type=Path, metavar="FOLDER", help="where to leave the compiled programs")
    parser.add_output("ahead_of_time.jsonl")
    options = parser.parse_args()
    if missing := missing_plugins(options.devices):
        parser.error(f"{' and '.join(missing)} not installed, which pip install -e '.[accelerators]' brings")

    prepare()
    about = describe_run("ahead_of_time", {}, ("libtpu", "jax-cuda12-plugin"))
    start_file(options.output, {**about, "device": "compile-only"})
    records = []
    for question in progress(list(plan(options.devices, options.metrics, options.sizes, options.modes))):
        records.append(measure(*question, options.hlo))
        append(options.output, records[-1])
    print_table("Compiled ahead of time", HEADINGS, map(cells, records), words=HEADINGS[:4])
    print(failures(records), end="")


def plan(
    devices: Iterable[str], metrics: Iterable[str], sizes: Iterable[Size], modes: Iterable[str]
) -> Iterator[tuple[str, str, Size, str]]:
    """What to compile; for several devices, only batches that they can share."""
    for device, metric, size, mode in itertools.product(devices, metrics, sizes, modes):
        if size[0] % DEVICES[device].together == 0:
            yield device, metric, size, mode


def measure(device: str, metric: str, size: Size, mode: str, folder: Path | None = None) -> Record:
    """Compile, and read off what the program would do; why it cannot be compiled, where that is so."""
    asked = {"device": device, "metric": metric, "size": str(size), "mode": mode}
    function = program(metric, mode, per_image=DEVICES[device].together > 1)
    started = time.perf_counter()
    try:
        lowered = jax.jit(function).lower(*arguments(device, metric, size))
        compiled = lowered.compile(compiler_options=DEVICES[device].compiler_options)
    except jax.errors.JaxRuntimeError as error:
        return {**asked, "failure": str(error).strip().splitlines()[0]}
    seconds = time.perf_counter() - started
    text = compiled.as_text() or ""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        name = "-".join(asked.values())
        (folder / f"{name}.hlo").write_text(text, encoding="utf-8")
    return {**asked, **findings(compiled, text, device, size, mode), "compile_s": round(seconds, 2)}


def program(metric: str, mode: str, *, per_image: bool) -> Callable[..., Any]:
    """Of two batches: the mean of the scores, or scores and the gradient of each, for which no device needs another."""
    name, options = VARIANTS[metric]
    scores = functools.partial(our_function(name), **options)

    def mean(*arguments: Any) -> jax.Array:
        return scores(*arguments).mean()

    def scores_and_gradients(x: jax.Array, *others: Any) -> tuple[jax.Array, jax.Array]:
        found, pull_back = jax.vjp(lambda x: scores(x, *others), x)
        return found, *pull_back(jnp.ones_like(found))

    if per_image:
        return scores if mode == "value" else scores_and_gradients
    return mean if mode == "value" else jax.value_and_grad(mean)


def arguments(device: str, metric: str, size: Size) -> list[Any]:
    """Shapes of what the program takes, on the device."""
    image = jax.ShapeDtypeStruct((*size, CHANNELS), jnp.float32, sharding=sharding(device))
    everywhere = sharding(device, replicated=True)
    params = jax.tree.map(
        lambda z: jax.ShapeDtypeStruct(z.shape, z.dtype, sharding=everywhere), our_params(VARIANTS[metric][0])
    )
    return [image, image, *params]


def findings(compiled: Any, text: str, device: str, size: Size, mode: str) -> Record:
    """Of one of the devices, where there are several."""
    about = DEVICES[device]
    images = 4 * math.prod(size) * CHANNELS // about.together
    least, reading = images * (2 if mode == "value" else 3), read_program(text, large=images // 2)

    def total(number: Callable[[Kernel], float | None]) -> float:
        return sum(kernel.times * (number(kernel) or 0) for kernel in reading.kernels)

    return {
        "kernels": total(lambda kernel: 1),
        "hbm_bytes": total(lambda kernel: kernel.bytes),
        "touched_bytes": total(lambda kernel: kernel.touched),
        "least_bytes": least,
        "compiler_bytes": (compiled.cost_analysis() or {}).get("bytes accessed"),
        "temporary_bytes": compiled.memory_analysis().temp_size_in_bytes,
        "padding": round(reading.padding, 3),
        "collectives": reading.collectives,
        "unknown_loops": reading.unknown_loops,
        "model_us": round(1e6 * about.estimate_s * total(lambda kernel: kernel.estimate), 1)
        if about.has_model
        else None,
        "kernels_without_model": total(lambda kernel: kernel.estimate is None and kernel.op not in ASYNC),
        "floor_us": round(1e6 * least / about.bandwidth, 1),
    }


HEADINGS = (
    "device", "metric", "images", "what", "kernels", "traffic", "MB", "padding", "collectives", "model, ms",
    "compiler, s",
)  # fmt: skip


def cells(record: Record) -> tuple[str, ...]:
    question = (record["device"], record["metric"], record["size"], MODES[record["mode"]])
    if "failure" in record:
        return *question, "fails", *[""] * (len(HEADINGS) - len(question) - 1)
    traffic, of_slices = (times(record[f"{which}_bytes"] / record["least_bytes"]) for which in ("hbm", "touched"))
    model, unknown = record["model_us"], record["kernels_without_model"]
    return (
        *question,
        str(record["kernels"]) + ("" if record["unknown_loops"] == 0 else " or more"),
        traffic if traffic == of_slices else f"{traffic}, {of_slices}",
        f"{record['temporary_bytes'] / 1e6:.0f}",
        times(record["padding"]),
        str(record["collectives"]),
        "unknown" if model is None else significant(model / 1e3) + (f" + {unknown} ?" if unknown else ""),
        significant(record["compile_s"]),
    )


def failures(records: Iterable[Record]) -> str:
    """Why what fails does, a line each."""
    failed = [record for record in records if "failure" in record]
    return "".join(f"* {', '.join(cells(record)[:4])}: {record['failure']}\n" for record in failed)


def newest(runs: Iterable[Run]) -> tuple[list[Record], list[Record]]:
    """Of runs, oldest first: the latest answer to each question, and what each was measured with."""
    latest: dict[tuple[str, ...], tuple[Record, Record]] = {}
    for run in runs:
        for record in run.measurements:
            latest[cells(record)[:4]] = record, run.about
    order = list(DEVICES)
    found = sorted(latest.values(), key=lambda pair: order.index(pair[0]["device"]))
    return [record for record, _ in found], [about for _, about in found]


NOTES = """\
Nothing here has run: these are readings of programs that XLA compiled for devices that were not there. `v5e-2x2` are
four devices that share a batch, for the scores and the gradient of each image; the numbers are of one of them.

* Traffic: device memory that the kernels' operands and results take, with what fills up the tiles of a TPU, over the
  minimum: both images read once, the gradient written once. Where kernels read or write mere slices of arrays, a second
  number counts the slices alone: the truer one for loops that go through an image in strips. Both are exact for kernels
  that read what they read once. A TPU reads an operand of a sum of shifted rows once per shift, if that is in device
  memory; a GPU reads it as often, but finds most of it in its caches.
* MB: temporary device memory. Padding: the largest ratio of what an array takes to what it holds, of those that take
  half a batch or more. Collectives: what makes devices wait for each other.
* Model: the sum of the compiler's own estimates, without the kernels that have none (`+ n ?`: calls of libraries,
  scalars). Good where memory is the limit. For images that fit into the fast memory of a v4 or v5e it is 4 to 16 times
  too long, and for a GPU it takes many reads for misses that a cache would answer. It compares programs; it is no time
  of a device. XLA has none for an A100.
* `lpips_vgg_in_strips` is LPIPS-VGG with `strip_rows=128`.
* No such reading shows launches, occupancy, what overlaps, or which algorithm cuDNN or cuBLAS would choose.
"""


if __name__ == "__main__":
    main()
