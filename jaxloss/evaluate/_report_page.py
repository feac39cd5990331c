"""A run as one page for a browser, that loads nothing else: `report.html`."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .._files import InputError
from ..images._colors import INFERNO
from ._formats import json_line
from ._report_charts import distribution_panels
from ._report_data import page_data, short, titled
from ._report_pictures import MOST_BYTES, MOST_PAIRS, MOST_PIXELS, MOST_PROGRAMS, Gallery
from ._report_records import Record, Run
from ._report_tables import ALPHA, Summaries, comparison_groups, metric_rows
from ._summaries import LEVEL, MOST_RESAMPLED, Comparison


TEMPLATES = Path(__file__).with_name("page")
COLORS = 6  # of methods, in page.css
MOST_LISTED = 200  # failed files, and files without a partner
NO_FACTS = ("better", "unpaired", "version")  # settings that stand elsewhere
OPEN = 24  # comparisons that are shown without being asked for


def render_page(run: Run, summaries: Summaries, comparisons: Sequence[Comparison], gallery: Gallery) -> str:
    """The text of `report.html`; names of files are shown as text whatever they are."""
    try:
        import jinja2
        from markupsafe import Markup as markup
    except ImportError as error:
        raise InputError('the page of a report needs Jinja: pip install "jaxloss[eval]".') from error
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    methods = {name: {"name": short(name, 40), "color": i % COLORS} for i, name in enumerate(run.methods)}
    content, left_out = page_data(run, gallery, methods.values())
    return environment.get_template("page.html").render(
        **_heading(run),
        metrics=[metric_rows(run, name, summaries, methods) for name in run.better],
        several=len(methods) > 1,
        level=f"{100 * LEVEL:.0f}\N{NO-BREAK SPACE}%",
        most_resampled=f"{MOST_RESAMPLED:,}",
        alpha=ALPHA,
        comparisons=comparison_groups(run, comparisons, methods),
        open_all=len(comparisons) <= OPEN,
        distributions=distribution_panels(run, summaries, methods),
        gallery_note=_gallery_note(gallery),
        table_note=_table_note(left_out),
        failed=[_failure(record, methods) for record in run.failed[:MOST_LISTED]],
        failed_count=len(run.failed),
        unpaired=_unpaired(run),
        version=version("jaxloss"),
        ramp=", ".join(f"rgb({red}, {green}, {blue})" for red, green, blue in INFERNO),
        script=markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        # In a script, even one of data, this sign alone could end it.
        data=markup(json_line(content).replace("<", "\\u003c")),
    )


def _heading(run: Run) -> dict[str, Any]:
    methods, metrics = run.methods, len(run.better)
    names = " and ".join(filter(None, (", ".join(map(_called, methods[:-1])), _called(methods[-1]))))
    count = len(run.scored)
    lead = f"{_many(count, 'pair')} of {_many(len(methods), 'method')}, scored by {_many(metrics, 'metric')}."
    if not count:
        lead = f"{_many(len(run.failed), 'pair')} of {_many(len(methods), 'method')} could not be scored."
    elif run.failed:
        lead += f" {_many(len(run.failed), 'pair')} could not be scored."
    facts = [(key.replace("_", " "), _fact(value)) for key, value in run.settings.items() if key not in NO_FACTS]
    title = f"Image quality of {names}" if len(methods) <= 4 else f"Image quality of {len(methods)} methods"
    return {"title": title, "lead": lead, "facts": [(short(key), text) for key, text in facts if text]}


def _called(method: str) -> str:
    return short(method, 40)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _fact(value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    elif isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        value = ", ".join(f"{key}: {item}" for key, item in value.items())
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return short(value if isinstance(value, str) else json.dumps(value), 240)


def _gallery_note(gallery: Gallery) -> str:
    sentences = []
    if gallery.left_out:
        held = f"pictures of at most {MOST_PAIRS} pairs, {MOST_BYTES // 2**20} MiB of them"
        sentences.append(f"The page holds {held}: {gallery.left_out} more of the worst and best have no place.")
    if gallery.unmapped:
        made = f"images of up to {MOST_PIXELS / 2**20:.0f} megapixels, and for {MOST_PROGRAMS} sizes and metrics"
        sentences.append(f"Maps are made of {made}: {_many(gallery.unmapped, 'map')} left out.")
    return " ".join(sentences)


def _table_note(left_out: int) -> str:
    if not left_out:
        return ""
    return f"Those that are among the worst by any metric; {left_out:,} others found no place. All are in table.csv."


def _failure(record: Record, methods: Mapping[str, Any]) -> dict[str, Any]:
    return {"method": methods[record.method], "name": titled(record.name), "error": short(record.error, 300)}


def _unpaired(run: Run) -> list[tuple[str, list[str]]]:
    """Headings with names of files."""
    found = run.settings.get("unpaired")
    groups = found if isinstance(found, dict) else {"": found}
    listed = []
    for key, names in groups.items():
        if isinstance(names, list) and names:
            shown = [short(str(name)) for name in names[:MOST_LISTED]]
            more = len(names) - len(shown)
            heading = f"{_many(len(names), 'file')} without a partner" + (f" in {short(key)}" if key else "")
            listed.append((heading, [*shown, *([f"and {more:,} more"] if more else [])]))
    return listed
