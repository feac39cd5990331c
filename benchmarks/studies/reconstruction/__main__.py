"""Does geometric Brownian motion describe LPIPS along a reconstruction? Photographs are inpainted block by block.

Four simple methods stand for the four conditions, see _methods.py beside this; several random orders each. Writes
the curves as CSV and their figure; `jaxloss sde fit` reads the same file.
"""

import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
from rich.console import Console

from jaxloss import InputError, load_params, lpips
from jaxloss._files import part_file
from jaxloss._types import Image, Params
from jaxloss.cli._curve_tables import analysis_tables
from jaxloss.curves import Analysis, analyze, curves_csv, plot_curves, read_curves
from jaxloss.images import check_destination, read_image, save_picture
from jaxloss.sde import CONDITIONS, Curve, measure

from ..._command import Parser, positive, progress
from ..._results import FOLDER
from ._methods import SIDE, reconstruct


WINDOW = 3  # of the moving average of the share, in measurements


def main() -> None:
    parser = Parser("studies.reconstruction", __doc__)
    parser.add_argument("--images", type=Path, required=True, metavar="FOLDER", help="of photographs")
    parser.add_argument("--repetitions", type=positive, default=4, help="of each photograph (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=FOLDER / "reconstruction.csv", metavar="FILE.csv")
    options = parser.parse_args()
    figure = options.output.with_suffix(".png")
    try:
        check_destination(figure)
        photographs = list(read_photographs(options.images))
        curves = measure_all(photographs, options.repetitions, options.seed)
        write_text(options.output, curves_csv(curves) + "\n")
        written = read_curves(options.output)
        found = analyze(written)
        # Few colors fill a chart: a palette makes the file a third as large.
        picture = plot_curves(written, found, loss="LPIPS").quantize(128, dither=PIL.Image.Dither.NONE)
        save_picture(picture, figure)
    except InputError as error:
        parser.error(" ".join(str(error).split()))
    except KeyboardInterrupt:
        sys.exit(130)
    show(found)
    print(f"Wrote {options.output} and {figure}.")


class Photograph(NamedTuple):
    """The part to reconstruct and the part beside it, [128, 128, 3] each."""

    name: str
    target: np.ndarray
    reference: np.ndarray


def read_photographs(folder: Path) -> Iterator[Photograph]:
    """Scaled to 256 pixels on the shorter side; the middle 256 x 128, cut into its left and its right half."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder.")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PIL.Image.registered_extensions())
    if not paths:
        raise InputError(f"{folder}: there are no images in it.")
    for path in paths:
        pixels = read_image(path).pixels
        scale = 2 * SIDE / min(pixels.shape[:2])
        height, width = (round(scale * side) for side in pixels.shape[:2])
        scaled = jnp.clip(jax.image.resize(jnp.asarray(pixels), (height, width, pixels.shape[2]), "lanczos3"), 0, 1)
        top, left = (height - SIDE) // 2, (width - 2 * SIDE) // 2
        middle = np.broadcast_to(scaled[top : top + SIDE, left : left + 2 * SIDE], (SIDE, 2 * SIDE, 3))
        yield Photograph(path.stem, middle[:, :SIDE], middle[:, SIDE:])


def measure_all(photographs: list[Photograph], repetitions: int, seed: int) -> dict[str, dict[str, Curve]]:
    """LPIPS over the moving average of the reconstructed share; no two curves have an order in common."""
    params = load_params("lpips-alex")
    curves: dict[str, dict[str, Curve]] = {condition: {} for condition in CONDITIONS}
    for number, (name, target, reference) in enumerate(progress(photographs)):
        for place, (condition, found) in enumerate(curves.items()):
            key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), number), place)
            keys = jax.random.split(key, repetitions)
            shares, losses = jax.device_get(_curves(keys, target, reference, params, condition=condition))
            for repetition, pair in enumerate(zip(shares, losses, strict=True)):
                found[f"{name} {repetition}"] = Curve(*pair)
    return curves


@functools.partial(jax.jit, static_argnames="condition")
def _curves(keys: jax.Array, target: Image, reference: Image, params: Params, *, condition: str) -> Curve:
    metric = functools.partial(lpips, params=params, data_range=1.0)

    def curve(key: jax.Array) -> Curve:
        pictures, masks = reconstruct(key, target, reference, condition=condition)
        return measure(pictures, target, masks, metric=metric, window=WINDOW)

    return jax.vmap(curve)(keys)


def show(found: Analysis) -> None:
    console = Console(width=None if Console().is_terminal else 100)
    for part in analysis_tables(found):
        console.print(part, highlight=not isinstance(part, str))


def write_text(path: Path, text: str) -> None:
    """Whole or not at all."""
    with part_file(path) as part:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)


if __name__ == "__main__":
    main()
