"""How fast are folders scored, beside reading alone, scoring alone and a loop over a PyTorch library?

Pairs are random crops of photographs of a few sizes, against JPEG of them, all as PNG; the metrics are SSIM, PSNR and
LPIPS with AlexNet. Each measurement is a process of its own, which takes turns with the others.
"""

import functools
import importlib
import importlib.util
import io
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import jax
import numpy as np
from PIL import Image

from jaxloss import InputError
from jaxloss.evaluate import choose_metrics, evaluate, find_pairs
from jaxloss.evaluate._decode import decoded
from jaxloss.evaluate._plan import CPU_PIXELS, PIXELS, Batch, Plan, make_plan
from jaxloss.evaluate._step import Step
from jaxloss.images import read_photographs

from ._command import Parser, positive, print_table, progress
from ._results import Record, append, describe_run, start_file
from .memory import status_bytes
from .peers import prepare_torchvision
from .peers._lpips import original


METRICS = ("ssim", "psnr", "lpips")
SIZES = ((256, 256), (240, 320), (192, 256))
QUALITY = 40  # of JPEG
READ, SCORE, RUN = "reading alone", "scoring alone", "jaxloss evaluate"
NOTES = (
    f"Pairs per second, by {', '.join(METRICS)} of crops of {', '.join(f'{w} x {h}' for h, w in SIZES)} pixels in PNG: "
    "medians of all rounds. `jaxloss evaluate` is timed as a whole, with tracing, but finds compiled programs in JAX's "
    "cache. The loops over the libraries take the same files pair by pair, LPIPS from its authors' package."
)
HEADINGS = ("what", "pairs", "pairs/s", "peak MiB")


def main() -> None:
    parser = Parser("evaluate", __doc__)
    parser.add_argument("--images", type=Path, required=True, metavar="FOLDER", help="of photographs")
    parser.add_argument("--pairs", type=positive, default=1000, help="for the speed (default: 1000)")
    parser.add_argument("--many", type=positive, default=5000, help="for the memory, beside 100 (default: 5000)")
    parser.add_argument("--rounds", type=positive, default=3, help="default: 3")
    parser.add_output("evaluate.jsonl")
    options = parser.parse_args()
    settings = {"metrics": METRICS, "sizes": SIZES, "rounds": options.rounds}
    plan = [(what, options.pairs) for what in CONTESTANTS] * options.rounds
    plan = [(what, min(count, 100) if what in LIBRARIES else count) for what, count in plan if is_there(what)]
    plan += [(RUN, count) for count in dict.fromkeys((min(100, options.many), options.many))]
    with tempfile.TemporaryDirectory() as folder:
        try:
            write_pairs(options.images, Path(folder), max(options.pairs, options.many))
        except InputError as error:
            parser.error(str(error))
        start_file(options.output, describe_run("evaluate", settings, ("grain", "pillow", "torch", *LIBRARIES)))
        records = []
        measure(RUN, folder, len(SIZES))  # compiles what the others find
        for what, count in progress(plan):
            records.append(measure(what, folder, count))
            append(options.output, records[-1])
    print_table("Folders of images", HEADINGS, rows(records), words=HEADINGS[:1])


def write_pairs(photographs: Path, folder: Path, count: int) -> None:
    """`real/0.png` and so on, and `made/0.png`."""
    sources, _ = read_photographs(photographs, max(max(size) for size in SIZES))
    if not sources:
        raise InputError(f"{photographs}: there are no photographs that are large enough.")
    rng = np.random.default_rng(0)
    for name in ("real", "made"):
        (folder / name).mkdir()
    for number in range(count):
        pixels, (height, width) = sources[number % len(sources)].pixels, SIZES[number % len(SIZES)]
        top, left = rng.integers(0, np.subtract(pixels.shape[:2], (height, width)) + 1)
        crop = Image.fromarray(pixels[top : top + height, left : left + width])
        crop.save(folder / "real" / f"{number}.png")
        with io.BytesIO() as file:
            crop.save(file, "JPEG", quality=QUALITY)
            Image.open(file).save(folder / "made" / f"{number}.png")


def measure(what: str, folder: str, count: int) -> Record:
    """In a process that does nothing else."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        seconds, peak = process.submit(timed, what, folder, count).result()
    return {"what": what, "pairs": count, "seconds": seconds, "peak_bytes": peak}


def timed(what: str, folder: str, count: int) -> tuple[float, int]:
    """Seconds, and the most memory that the process has had."""
    jax.config.update("jax_compilation_cache_dir", f"{folder}/compiled")
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    run = CONTESTANTS[what](Path(folder), count)
    start = time.perf_counter()
    run()
    return time.perf_counter() - start, status_bytes("VmHWM")


def whole(folder: Path, count: int) -> Callable[[], Any]:
    def run() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as output:
            found = evaluate(folder / "real", folder / "made", output=output, metrics=METRICS, limit=count)
            assert len(found.rows) == count and not any("error" in row for row in found.rows)

    return run


def reading(folder: Path, count: int) -> Callable[[], Any]:
    plan = plan_of(folder, count)
    return lambda: sum(not image.error for image in decoded(plan.tasks, plan.largest))


def scoring(folder: Path, count: int) -> Callable[[], Any]:
    """As many batches of each shape as there are, of images that are there already."""
    plan, step = plan_of(folder, count), Step(choose_metrics(METRICS), jax.local_devices(), masked=False)
    random = functools.partial(np.random.default_rng(0).random, dtype=np.float32)
    images = {batch: random((batch.size, *batch.shape)) for batch in set(plan.batches)}

    def run(batches: Iterable[Batch] = plan.batches) -> None:
        for batch in batches:
            jax.device_get(step(images[batch], images[batch] / 2, None, batch))

    run(images)
    return run


def plan_of(folder: Path, count: int) -> Plan:
    pairs, devices = find_pairs(folder / "real", folder / "made").pairs[:count], jax.local_devices()
    pixels = CPU_PIXELS if devices[0].platform == "cpu" else PIXELS
    return make_plan(pairs, batch=None, devices=len(devices), pixels=pixels, fillable=False, video=False, keep=False)


def looping(library: str, folder: Path, count: int) -> Callable[[], Any]:
    """Over pairs of files, as the library's guide does, with one warm-up for each size."""
    prepare_torchvision()
    torch = importlib.import_module("torch")
    pairs = [(pair.test, pair.reference) for pair in find_pairs(folder / "real", folder / "made").pairs[:count]]
    lpips, device = original("alex"), "cuda" if torch.cuda.is_available() else "cpu"
    metrics = LIBRARIES[library]()

    def tensor(path: Path) -> Any:
        with Image.open(path) as image:
            pixels = torch.from_numpy(np.asarray(image.convert("RGB")).copy()).to(device)
        return pixels.permute(2, 0, 1)[None].float() / 255

    def run(some: Iterable[tuple[Path, Path]] = pairs) -> None:
        with torch.no_grad():
            for paths in some:
                x, y = map(tensor, paths)
                scores = [*(metric(x, y) for metric in metrics), lpips.to(device)(2 * x - 1, 2 * y - 1)]
                assert all(np.isfinite(float(score)) for score in scores)

    run(pairs[: len(SIZES)])
    return run


def torchmetrics_functions() -> list[Callable[..., Any]]:
    image = importlib.import_module("torchmetrics.functional.image")
    ssim, psnr = image.structural_similarity_index_measure, image.peak_signal_noise_ratio
    return [functools.partial(function, data_range=1.0) for function in (ssim, psnr)]


def piq_functions() -> list[Callable[..., Any]]:
    piq = importlib.import_module("piq")
    return [functools.partial(function, data_range=1.0) for function in (piq.ssim, piq.psnr)]


LIBRARIES: Mapping[str, Callable[[], list[Callable[..., Any]]]] = {
    "torchmetrics": torchmetrics_functions, "piq": piq_functions,
}  # fmt: skip
CONTESTANTS: Mapping[str, Callable[[Path, int], Callable[[], Any]]] = {
    READ: reading,
    SCORE: scoring,
    RUN: whole,
    **{library: functools.partial(looping, library) for library in LIBRARIES},
}


def is_there(what: str) -> bool:
    needed = (what, "lpips", "torch") if what in LIBRARIES else ()
    return all(importlib.util.find_spec(name) is not None for name in needed)


def rows(records: Iterable[Record]) -> list[tuple[str, ...]]:
    """A line for each contestant and number of pairs: the medians."""
    groups: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        groups.setdefault((record["what"], record["pairs"]), []).append(record)
    found = []
    for (what, count), group in groups.items():
        speed = count / median(record["seconds"] for record in group)
        peak = median(record["peak_bytes"] for record in group) / 2**20
        found.append((what, str(count), f"{speed:.3g}", f"{peak:.0f}"))
    return found


if __name__ == "__main__":
    main()
