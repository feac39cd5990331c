"""Does geometric Brownian motion describe LPIPS along a reconstruction? Photographs are inpainted block by block.

Four simple methods stand for the four conditions, see benchmarks/_reconstruction.py; several random orders each. Writes
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

from jaxloss import load_params, lpips
from jaxloss._types import Image, Params
from jaxloss.evaluate import InputError, curves_csv, read_curves, read_image, save_picture
from jaxloss.evaluate._curve_fits import (
    MODELS,
    Analysis,
    analyze,
    check_table,
    hypothesis_table,
    parameter_table,
    verdict,
)
from jaxloss.evaluate._curve_plot import plot_curves
from jaxloss.evaluate._saving import check_destination
from jaxloss.sde import CONDITIONS, Curve, Estimate, measure

from ._command import Parser, positive, progress
from ._reconstruction import SIDE, reconstruct
from ._results import FOLDER


WINDOW = 3  # of the moving average of the share, in measurements


def main() -> None:
    parser = Parser("reconstruction", __doc__)
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


HEADINGS = (
    "condition", "κ", "μ", "normality, p", "autocorrelation, p", "AIC, geometric", "AIC, arithmetic", "AIC, power law",
)  # fmt: skip


LETTERS = {"sigma": "σ", "eta": "η", "xi": "ξ"}


def rows(found: Analysis) -> Iterator[list[str]]:
    """A line per condition, under `HEADINGS`: estimates with intervals, p-values, and AIC less that of the best."""
    for condition, fitted in found.fits.items():
        checks = found.diagnoses[condition]
        tests = (checks.normality, checks.autocorrelation)
        best = min(checks.aic.values())
        yield [
            condition,
            interval(fitted.kappa),
            interval(fitted.mu),
            *("none" if test is None else f"{test.p_value:.0e}" for test in tests),
            *(f"{checks.aic[name] - best:.0f}" if name in checks.aic else "none" for name in MODELS),
        ]


def markdown(path: Path) -> tuple[list[list[str]], str]:
    """Rows and notes for the page, of a file of curves."""
    found = analyze(read_curves(path))
    notes = (
        "Command: `python -m benchmarks.reconstruction --images FOLDER`. Intervals of 95 %; AIC less that of the best "
        f"model. {verdict(found)}"
    )
    return list(rows(found)), f"{notes} {parts(found)}".rstrip()


def parts(found: Analysis) -> str:
    """The separated parameters in a sentence."""
    separation = found.separation
    if separation is None:
        return ""
    values = ", ".join(f"{LETTERS[name]} = {interval(part)}" for name, part in separation.parts.items())
    if separation.additivity is None:
        return f"{values}."
    return f"{values}; Wald test of additivity: p = {separation.additivity.p_value:.1g}."


def interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.lower:.3f}, {estimate.upper:.3f}]"


def show(found: Analysis) -> None:
    console = Console(width=None if Console().is_terminal else 100)
    for table in (parameter_table(found), check_table(found), hypothesis_table(found)):
        if table is not None:
            console.print(table)
    console.print(verdict(found), highlight=False)


def write_text(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
