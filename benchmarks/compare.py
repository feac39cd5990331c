"""How long `jaxloss compare` takes in fresh processes: with nothing compiled, and where everything is found again."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from jaxloss.images import sample_photograph
from jaxloss.registry import METRICS

from ._command import Parser, names_from, positive, print_table, progress
from ._results import ROOT, Record, append, describe_run, start_file


CANDIDATES = [name for name, row in METRICS.items() if row.kind == "metric"]
DEFAULT = (  # without those of compression and of displays, some of which compile for many seconds
    "mae mse rmse psnr ssim ms_ssim gmsd ms_gmsd ms_gmsdc haarpsi mdsi fsim fsimc vsi sr_sim uqi iw_ssim vif_p vif"
    " cw_ssim psnr_b dss psnr_hvs psnr_hvs_m sam ergas scc scc_local delta_e_76 ciede2000 nlpd flip hdr_flip lpips"
    " st_lpips dists"
).split()
QUALITY = 10  # of the JPEG that is compared with its photograph
UNWANTED = {"JAX_COMPILATION_CACHE_DIR", "PYTHONDONTWRITEBYTECODE"}
FOUND_AGAIN = 2  # times, in each round
HEADINGS = ("metrics", "images", "first, s", "then, s")


def main() -> None:
    parser = Parser("compare", __doc__)
    parser.add_argument("--metrics", type=names_from(CANDIDATES), default=DEFAULT, help="default: 36 of them")
    parser.add_argument("--side", type=positive, default=512, help="of the images (default: %(default)s)")
    parser.add_argument("--rounds", type=positive, default=3, help="each begins anew (default: %(default)s)")
    parser.add_output("compare.jsonl")
    options = parser.parse_args()

    first, then = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pair(folder, options.side)
        run_fresh(folder, "warm-up", ["mae"])
        for i in progress(list(range(options.rounds))):
            first.append(run_fresh(folder, str(i), options.metrics))
            then += [run_fresh(folder, str(i), options.metrics) for _ in range(FOUND_AGAIN)]

    start_file(options.output, describe_run("compare", {"rounds": options.rounds}, ("flax", "pillow", "typer")))
    record = {
        "metrics": options.metrics,
        "side": options.side,
        "first_s": round(statistics.median(first), 3),
        "then_s": round(statistics.median(then), 3),
    }
    append(options.output, record)
    print_table("Seconds", HEADINGS, [cells(record)], words=())


def cells(record: Record) -> tuple[str, ...]:
    side = record["side"]
    return str(len(record["metrics"])), f"{side}x{side}", f"{record['first_s']:.1f}", f"{record['then_s']:.1f}"


def write_pair(folder: Path, side: int) -> None:
    """The photograph of the package, scaled, and a JPEG file of it."""
    photograph = Image.fromarray((255 * sample_photograph()).round().astype(np.uint8)).resize((side, side))
    photograph.save(folder / "photograph.png")
    photograph.save(folder / "photograph.jpg", quality=QUALITY)


def run_fresh(folder: Path, cache: str, metrics: list[str]) -> float:
    """Seconds of one process, which keeps its compiled programs in a folder of its own name."""
    command = [sys.executable, "-m", "jaxloss", "compare", "photograph.png", "photograph.jpg", "--metrics"]
    # An installed package has its byte code; that of sources is kept from the first process on.
    environment = {key: value for key, value in os.environ.items() if key not in UNWANTED}
    environment |= {"JAXLOSS_CACHE": str(folder / cache), "PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    subprocess.run([*command, ",".join(metrics)], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
