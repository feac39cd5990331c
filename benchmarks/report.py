"""Write the newest results into benchmarks/README.md, between its two markers."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from . import ahead_of_time, compare, compile as compile_times, evaluate, imports, memory, precision, quality, sde
from ._command import Parser
from ._results import FOLDER, Record, read_runs
from ._summary import FLOOR, HEADINGS, MODES, OURS, Answer, answers, cells, significant
from .studies import ascent
from .studies.inpainting import _summary as inpainting
from .studies.judgments import _summary as judgments
from .studies.reconstruction import _summary as reconstruction
from .studies.restoration import _summary as restoration


README = FOLDER.parent / "README.md"
ILLUSTRATED = (
    "ascent",
    "inpainting",
    "judgments",
    "reconstruction",
    "restoration",
)  # their pictures stand with their tables
BEGIN, END = "<!-- results: written by python -m benchmarks.report -->", "<!-- end of results -->"


def main() -> None:
    parser = Parser("report", __doc__)
    parser.parse_args()
    README.write_text(updated(README.read_text(encoding="utf-8"), FOLDER), encoding="utf-8")


def updated(text: str, folder: Path) -> str:
    """The text with the results of a folder between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{results(folder)}\n{END}{after}"


def results(folder: Path) -> str:
    """All sections for which there are results."""
    drawn = [path for path in sorted(folder.glob("*.png")) if not path.stem.startswith(ILLUSTRATED)]
    sections = [picture(path) for path in drawn]
    found = answers(read_runs("metrics", folder))
    for device in dict.fromkeys(answer.question.device for answer in found):
        sections += speed_sections([answer for answer in found if answer.question.device == device])
    scripts = {
        "Compilation": compile_times,
        "Memory": memory,
        "Import": imports,
        "Comparison of two files": compare,
        "Paths of the perceptual loss": sde,
    }
    for title, script in scripts.items():
        runs = list(read_runs(script.__name__.rpartition(".")[2], folder))
        parts = [
            f"{circumstances([about])}\n\n{table(script.HEADINGS, map(script.cells, rows))}" for about, rows in runs
        ]
        if parts:
            sections.append(f"### {title}\n\n" + "\n".join(parts))
    for study in (
        ahead_of_time_sections,
        precision_sections,
        evaluate_sections,
        quality_sections,
        ascent_sections,
        judgment_sections,
        reconstruction_sections,
        restoration_sections,
        inpainting_sections,
    ):
        sections += study(folder)
    return "\n".join(sections)


def picture(path: Path) -> str:
    return f"![{path.stem.replace('_', ' ')}]({path.parent.name}/{path.name})\n"


def pictures(folder: Path, stem: str, names: Iterable[str]) -> Iterable[str]:
    """Those beside the results of a study that are there."""
    paths = (folder / f"{stem}_{name}.png" for name in names)
    return (picture(path) for path in paths if path.exists())


def ahead_of_time_sections(folder: Path) -> Iterable[str]:
    """What was compiled for devices that were not there."""
    records, abouts = ahead_of_time.newest(read_runs("ahead_of_time", folder))
    if records:
        about, rows = (
            circumstances(abouts, "Compiled"),
            table(ahead_of_time.HEADINGS, map(ahead_of_time.cells, records)),
        )
        failures = ahead_of_time.failures(records)
        notes = f"{ahead_of_time.NOTES}\n{rows}" + (f"\n{failures}" if failures else "")
        yield f"### Compiled ahead of time\n\n{about}\n\n{notes}"


def precision_sections(folder: Path) -> Iterable[str]:
    """What networks lose where an accelerator rounds."""
    *_, newest = [None, *read_runs("precision", folder)]
    if newest is not None:
        rows = table(precision.headings(newest.measurements), precision.rows(newest.measurements))
        yield f"### Precision\n\n{circumstances([newest.about])}\n\n{precision.NOTES}\n\n{rows}"


def evaluate_sections(folder: Path) -> Iterable[str]:
    """How fast folders are scored, and in what memory."""
    *_, newest = [None, *read_runs("evaluate", folder)]
    if newest is not None:
        rows = table(evaluate.HEADINGS, evaluate.rows(newest.measurements))
        yield f"### Folders of images\n\n{circumstances([newest.about])}\n\n{evaluate.NOTES}\n\n{rows}"


def quality_sections(folder: Path) -> Iterable[str]:
    """How often metrics choose as people do, a table for each group of sets that the same metrics are scored on."""
    *_, newest = [None, *read_runs("quality", folder)]
    if newest is not None:
        yield f"### Agreement with human judgments\n\n{circumstances([newest.about])}\n\n{quality.NOTES}\n"
        for headings, rows in quality.tables(newest.measurements):
            yield table(headings, rows)


def ascent_sections(folder: Path) -> Iterable[str]:
    """Where each metric leads an image as an objective, with pictures."""
    *_, newest = [None, *read_runs("ascent", folder)]
    if newest is not None:
        about, notes = circumstances([newest.about]), ascent.markdown(newest.about)
        yield f"### Metrics as objectives\n\n{about}\n\n{notes}\n\n" + table(
            ascent.HEADINGS, map(ascent.cells, newest.measurements)
        )
        yield from pictures(folder, "ascent", ascent.PICTURES)


def judgment_sections(folder: Path) -> Iterable[str]:
    """What training on synthetic judgments and networks without labels come to, with pictures."""
    *_, newest = [None, *read_runs("judgments", folder)]
    if newest is not None:
        rows, notes = judgments.markdown(newest)
        about = circumstances([newest.about])
        yield f"### Training on synthetic judgments\n\n{about}\n\n{notes}\n\n{table(judgments.HEADINGS, rows)}"
        yield from pictures(folder, "judgments", judgments.PICTURES)


def reconstruction_sections(folder: Path) -> Iterable[str]:
    """Whether geometric Brownian motion describes the measured curves, and their figure."""
    curves = folder / "reconstruction.csv"
    if curves.exists():
        rows, notes = reconstruction.markdown(curves)
        yield f"### Perceptual loss along a reconstruction\n\n{notes}\n\n{table(reconstruction.HEADINGS, rows)}"
        if curves.with_suffix(".png").exists():
            yield picture(curves.with_suffix(".png"))


def restoration_sections(folder: Path) -> Iterable[str]:
    """For each size what the networks score, and the pictures of the run."""
    runs = list(read_runs("restoration", folder))
    for size, stem in restoration.STEMS.items():
        found = restoration.newest(runs, size)
        if found:
            headings, rows, notes = restoration.markdown(found)
            abouts = circumstances(about for about, _ in found)
            yield f"### Restoration, {size} size\n\n{abouts}\n\n{notes}\n\n{table(headings, rows)}"
            yield from pictures(folder, stem, restoration.PICTURES)


def inpainting_sections(folder: Path) -> Iterable[str]:
    """For each size what the filled holes score, and the pictures of the run."""
    for size, stem in inpainting.STEMS.items():
        run = inpainting.newest(read_runs("inpainting", folder), size)
        if run is not None:
            rows, notes = inpainting.markdown(run)
            about = circumstances([run.about])
            yield f"### Inpainting, {size} size\n\n{about}\n\n{notes}\n\n{table(inpainting.HEADINGS, rows)}"
            yield from pictures(folder, stem, inpainting.PICTURES)


def speed_sections(found: Sequence[Answer]) -> Iterable[str]:
    """One table of all metrics, and for those with several peers one of all contestants."""
    device = found[0].question.device
    abouts = [answer.about for answer in found]
    yield f"### Speed, {device}\n\n{circumstances(abouts)}\n\n{table(HEADINGS, map(cells, found))}"
    for metric in ("ssim", "ms_ssim"):
        chosen = [answer for answer in found if answer.question.metric == metric and answer.question.dtype == "float32"]
        if chosen:
            note = "Milliseconds for the value / for value and gradient."
            yield f"### All contestants in `{metric}`, {device}\n\n{note}\n\n{contestants_table(chosen)}"


def contestants_table(found: Sequence[Answer]) -> str:
    sizes = dict.fromkeys(answer.question.size for answer in found)
    names = dict.fromkeys(name for answer in found for name in answer.milliseconds if name not in (OURS, FLOOR))

    def cell(name: str, size: str) -> str:
        times = {a.question.mode: a.milliseconds.get(name) for a in found if a.question.size == size}
        shown = (times.get(mode) for mode in MODES)
        return " / ".join("none" if time is None else significant(time) for time in shown)

    rows = [(name, *(cell(name, size) for size in sizes)) for name in (OURS, *names, FLOOR)]
    return table(("contestant", *sizes), rows)


def circumstances(abouts: Iterable[Record], verb: str = "Measured") -> str:
    """What ran where, once per run."""
    lines = {}
    for about in abouts:
        machine = about["machine"]
        versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        lines[
            f"{verb} on {about['date'][:10]} at commit {about['commit'] or 'unknown'}: {about['device']} device; "
            f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}; "
            f"Python {about['python']}, {versions}."
        ] = None
    return "\n\n".join(lines)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
