"""The tables of the README pages, written from the registry and the conventions: `python -m tests.contract.readme`."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from jaxloss import MS_SSIM_CONVENTIONS, SSIM_CONVENTIONS
from jaxloss.registry import METRICS, Metric
from tests.parity._migration import LIBRARIES, Library


ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
# The guides stand beside their rooms, where code hosts show them.
PAGES = [README, *sorted((ROOT / "jaxloss").rglob("README.md"))]


def readme_table() -> str:
    """All metrics and losses, one row of the registry each."""
    header = ("function", "range", "better", "equal images", "least side", "mask", "agrees with", "paper")
    return markdown_table(header, map(_metric_cells, METRICS.values()))


def _metric_cells(row: Metric) -> tuple[str, ...]:
    needs = "".join(f", {name}" for name in row.needs)
    options = "".join(f', {name}="{value}"' for name, value in row.options.items())
    return (
        f"`{row.function.__name__}(x, y{needs}{options})`",
        f"[{_number(row.lowest)}, {_number(row.highest)}]",
        row.better,
        _number(row.perfect),
        f"{row.smallest} px",
        "yes" if row.mask else "no",
        row.agrees_with,
        row.paper,
    )


def _number(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else f"{'-' if value < 0 else ''}∞"


def conventions_table() -> str:
    """The options with which `ssim` and `ms_ssim` return the numbers of other implementations."""
    rows = [*_convention_rows("ssim", SSIM_CONVENTIONS), *_convention_rows("ms_ssim", MS_SSIM_CONVENTIONS)]
    return markdown_table(("function", "convention", "options that differ from the defaults"), rows)


def _convention_rows(name: str, conventions: Mapping[str, Mapping[str, object]]) -> Iterable[tuple[str, ...]]:
    for convention, options in conventions.items():
        different = [f"`{key}={value!r}`".replace("'", '"') for key, value in options.items()]
        yield f"`{name}`", f"`{convention}`", ", ".join(different) or "none"


def migration_tables() -> str:
    """Calls of other libraries beside ours, a section each."""
    return "\n\n".join(map(_migration_section, LIBRARIES))


def _migration_section(library: Library) -> str:
    rows = ((f"`{line.theirs}`", f"`{line.ours}`", line.note) for line in library.lines)
    parts = [f"## {library.name}", library.given, f"```py\n{library.setup}\n```"]
    parts.append(markdown_table(("there", "here", "mind"), rows))
    return "\n\n".join([*parts, f"In its test {library.replaced}."] if library.replaced else parts)


def markdown_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


TABLES: dict[str, Callable[[], str]] = {
    "metrics": readme_table,
    "conventions": conventions_table,
    "migration": migration_tables,
}


def fill(text: str) -> str:
    """A page with each table between its markers, `<!-- name -->` and `<!-- /name -->`, as it should be now."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        body = f"{begin}\n{table()}\n{end}"
        text = re.sub(f"{begin}.*{end}", lambda match, body=body: body, text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")
