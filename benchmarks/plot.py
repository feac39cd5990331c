"""Draw the milliseconds of jaxloss and its peers: one panel per size, a row per library, log scale.

A row joins the time of the value to that of value and gradient; of each peer, the faster memory layout counts.
"""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from jaxloss.registry import METRICS

from ._command import Parser
from ._results import FOLDER, read_runs
from ._summary import MODES, OURS, Answer, answers, significant
from .peers import CHANNELS_LAST


PAPER, INK, FAINT, GRID = "#ffffff", "#24292f", "#57606a", "#e4e7eb"
OUR_COLOR, PEER_COLOR = "#0b6e99", "#9aa3ad"

Times = dict[str, tuple[float, float | None]]  # library -> milliseconds of the value, and with the gradient


def main() -> None:
    parser = Parser("plot", __doc__)
    parser.add_argument("--metric", choices=METRICS, default="ssim", metavar="NAME", help="default: %(default)s")
    parser.add_argument("--device", default="cpu", help="as in the results (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of results (default: benchmarks/results)")
    parser.add_argument("--output", type=Path, help="picture (default: the metric's name .png, in the folder)")
    options = parser.parse_args()

    found = [
        answer
        for answer in answers(read_runs("metrics", options.folder))
        if (answer.question.metric, answer.question.device) == (options.metric, options.device)
        and answer.question.dtype == "float32"
    ]
    if not found:
        parser.error(f"no results for {options.metric} on {options.device}: run benchmarks.metrics first")
    output = options.output or options.folder / f"{options.metric}.png"
    draw(options.metric, found).savefig(output, facecolor=PAPER)
    print(output)


def draw(metric: str, found: list[Answer]) -> Figure:
    """The figure of one metric; its panels have the libraries in one order, the fastest on top."""
    panels = {size: library_times(found, size) for size in dict.fromkeys(answer.question.size for answer in found)}
    rows = order(panels)
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 10.5, "text.color": INK})
    height = 0.75 + lines * (0.85 + 0.36 * len(rows))
    figure, axes = plt.subplots(lines, columns, figsize=(7 * columns, height), dpi=100, squeeze=False, sharey=True)
    for axis, (size, times) in zip(axes.flat, panels.items(), strict=False):
        draw_panel(axis, size, times, rows)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    device = found[0].question.device
    machine = found[0].about["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores" if device == "cpu" else device
    names = {"ssim": "SSIM", "ms_ssim": "MS-SSIM", "psnr": "PSNR"}
    title = f"{names.get(metric, metric)}: milliseconds for the value ● and for value and gradient ○"
    figure.text(0.015, 1 - 0.12 / height, title, ha="left", va="top", fontsize=15, fontweight="bold")
    note = f"float32, {where}. Of each PyTorch library the faster memory layout. Log scale."
    figure.text(0.015, 1 - 0.46 / height, note, ha="left", va="top", color=FAINT)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.6 / height), h_pad=1.8, w_pad=2.5)
    return figure


def library_times(found: list[Answer], size: str) -> Times:
    """The faster layout of each library, for each mode by itself."""
    by_mode: dict[str, dict[str, float]] = {mode: {} for mode in MODES}
    for answer in found:
        if answer.question.size == size:
            best = by_mode[answer.question.mode]
            for name, time in {OURS: answer.ours, **answer.peers}.items():
                library = name.removesuffix(CHANNELS_LAST)
                best[library] = min(time, best.get(library, time))
    values, gradients = by_mode.values()
    return {library: (time, gradients.get(library)) for library, time in values.items()}


def order(panels: dict[str, Times]) -> list[str]:
    """From top to bottom: the fastest in the last panel first, ours leading."""
    libraries = dict.fromkeys(name for times in panels.values() for name in times)
    *_, last = panels.values()
    return sorted(libraries, key=lambda name: (name != OURS, last[name][0] if name in last else float("inf")))


def draw_panel(axis: Axes, size: str, times: Times, rows: list[str]) -> None:
    for row, library in enumerate(rows):
        if library in times:
            draw_row(axis, len(rows) - 1 - row, times[library], OUR_COLOR if library == OURS else PEER_COLOR)
    axis.set_xscale("log")
    everything = [time for pair in times.values() for time in pair if time is not None]
    axis.set_xlim(min(everything) / 2.4, max(everything) * 2.4)  # room for the labels
    axis.set_ylim(-0.7, len(rows) - 0.3)
    axis.set_yticks(range(len(rows)), rows[::-1])
    for label in axis.get_yticklabels():
        ours = label.get_text() == OURS
        label.set(color=OUR_COLOR if ours else INK, fontweight="bold" if ours else "normal")
    axis.xaxis.set_major_locator(LogLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(axis="both", which="both", length=0)
    axis.tick_params(axis="x", labelcolor=FAINT)
    axis.grid(axis="x", color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[:].set_visible(False)
    count, height, width = size.split("x")
    axis.set_title(f"{count} × {height} × {width} × 3", loc="left", fontsize=11, fontweight="bold", color=INK, pad=8)
    axis.set_title(speedups(times), loc="right", fontsize=10.5, color=OUR_COLOR, pad=8)


def draw_row(axis: Axes, height: float, pair: tuple[float, float | None], color: str) -> None:
    """A dumbbell from value to value and gradient, with its numbers outside."""
    value, gradient = pair
    text = OUR_COLOR if color == OUR_COLOR else FAINT
    ends = sorted(time for time in pair if time is not None)
    if gradient is not None:
        axis.plot([value, gradient], [height, height], color=color, linewidth=2.4, zorder=2)
        axis.plot(gradient, height, "o", markersize=8, color=PAPER, markeredgecolor=color, markeredgewidth=2, zorder=3)
    axis.plot(value, height, "o", markersize=8.5, color=color, zorder=4)
    for end, side, offset in ((ends[0], "right", -9), (ends[-1], "left", 9)):
        if side == "left" and gradient is None:
            continue
        axis.annotate(
            significant(end), (end, height), (offset, 0), textcoords="offset points", ha=side, va="center",
            color=text, fontsize=9.5, fontweight="bold" if color == OUR_COLOR else "normal",
        )  # fmt: skip


def speedups(times: Times) -> str:
    """Our value, and our value and gradient, against the fastest of the others."""
    others = [pair for name, pair in times.items() if name != OURS]
    ratios = []
    for ours, theirs in zip(times[OURS], zip(*others, strict=True), strict=False):
        known = [time for time in theirs if time is not None]
        if ours is not None and known:
            ratios.append(f"{significant(min(known) / ours)}×")
    return f"{' and '.join(ratios)} as fast as the fastest peer" if ratios else ""


if __name__ == "__main__":
    main()
