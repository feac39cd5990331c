"""The page: as text, and as a real browser shows it."""

import builtins
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.evaluate import write_report
from jaxloss.evaluate._report_page import render_page
from jaxloss.evaluate._report_pictures import Gallery
from jaxloss.evaluate._report_records import read_run
from tests.evaluate._report_runs import EVIL, failure, make_rows, write_run


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')

# What a person does with the page; what it shows then is put in the title.
ACTIONS = """
<script>
const at = (id) => document.getElementById(id), seen = {};
const column = (place) => [...at("table").tBodies[0].rows].map((row) => row.cells[place].textContent);
const headings = () => [...at("table").tHead.rows[0].cells].map((cell) => [cell.textContent, cell.ariaSort]);
const press = (place) => at("table").tHead.rows[0].cells[place].querySelector("button").click();
const choose = (id, value) => { at(id).value = value; at(id).dispatchEvent(new Event("change")); };
const shown = (end) => [...at(end).querySelectorAll(".card header")].map((one) => one.textContent);
seen.start = column(0); seen.headings = headings();
press(2); seen.psnr = column(2); seen.best = headings()[2];
seen.marks = at("table").querySelectorAll(".is-best, .is-worst").length;
press(2); seen.reversed = column(2).slice(0, 3); seen.worst = headings()[2];
press(4); seen.mae = column(4).slice(0, 3); seen.lowest = headings()[4];
at("filter").value = "4.PNG"; at("filter").dispatchEvent(new Event("input"));
seen.filtered = column(0); seen.count = at("count").value;
choose("filter-method", "1"); seen.of_method = column(1);
seen.worst_cards = shown("worst"); seen.best_cards = shown("best");
choose("gallery-metric", "1"); choose("gallery-method", "1"); seen.other_cards = shown("worst");
seen.captions = [...at("worst").querySelector(".strip").querySelectorAll("figcaption")].map((one) => one.textContent);
seen.legend = at("legend").textContent;
seen.wide = document.documentElement.scrollWidth - innerWidth;
seen.images = [...document.images].every((image) => image.src.startsWith("data:image/webp") && image.alt);
document.title = JSON.stringify(seen);
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, photograph: np.ndarray) -> Path:
    folder = tmp_path_factory.mktemp("page")
    rows = make_rows(folder, photograph)
    rows[-1] |= {"name": EVIL}
    rows[-2] |= {"name": f"{'deep/' * 60}5.png"}
    rows[2]["scores"]["psnr"] = "inf"
    rows += [failure("dark", EVIL.replace("</script>", "</title>"), "<img src=x onerror=alert(1)> is not an image.")]
    return write_report(write_run(folder, rows, unpaired=[EVIL], references="<b>real</b>", limit=None))[2]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`browser(page)` -> the document after its scripts have run, and what the browser has to complain of."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("No Chromium is installed.")
    profile = tmp_path_factory.mktemp("profile")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--window-size=1200,900"]

    def dump(page: Path) -> tuple[str, list[str]]:
        command = [path, *options, "--enable-logging=stderr", "--dump-dom", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return dump


def test_names_are_text(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script>") == 2 and "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt; is not an image." in text and "&lt;b&gt;real&lt;/b&gt;" in text
    assert "deep/deep/" in text and "deep/" * 61 not in text and r"\udcff" in text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|<link|<[a-z]+ [^>]*src=|url\(", text), "nothing is loaded"
    assert len(text) < 300_000


def test_page_in_a_browser(page: Path, browser: Any) -> None:
    document, complaints = browser(page)
    assert complaints == []
    assert "<title>Image quality of plain and dark</title>" in document
    assert document.count('class="card"') == 6 and document.count('<tr><td class="name"') == 12
    assert html.escape(EVIL[:20], quote=False) in document, "its name is in the table"


def test_page_at_work_in_a_browser(page: Path, browser: Any, tmp_path: Path) -> None:
    text, found = POLICY.subn("", page.read_text(encoding="utf-8"))  # it lets no other script run
    assert found == 1
    worked = tmp_path / "worked.html"
    worked.write_text(text.replace("</body>", f"{ACTIONS}</body>"), encoding="utf-8")
    document, complaints = browser(worked)
    assert complaints == []
    seen = json.loads(html.unescape(re.findall("<title>(.*?)</title>", document, re.DOTALL)[0]))
    assert seen["start"][1:5] == ["0.png", "0.png", "1.png", "1.png"] and len(seen["start"]) == 12
    assert [name for name, _ in seen["headings"]] == ["pair · a-z", "method", "psnr ↑", "ssim ↑", "mae ↓"]
    assert seen["psnr"] == ["∞", "25", "24", "23", "22", "22", "21", "20", "20", "19", "18", "17"]
    assert seen["best"] == ["psnr ↑ · best first", "descending"] and seen["marks"] == 1 + 1 + 4 * 2
    assert seen["reversed"] == ["17", "18", "19"] and seen["worst"] == ["psnr ↑ · worst first", "ascending"]
    assert seen["mae"] == ["0.45", "0.45", "0.46"] and seen["lowest"] == ["mae ↓ · best first", "ascending"]
    assert seen["filtered"] == ["4.png", "4.png"] and seen["count"] == "2 of 12 rows"
    assert seen["of_method"] == ["dark"]
    assert seen["worst_cards"] == ["0.pngpsnr 20", "2.pngpsnr 22", "3.pngpsnr 23"]
    assert seen["best_cards"][0] == "1.pngpsnr ∞" and seen["other_cards"][0] == "0.pngssim 0"
    assert seen["captions"] == ["reference", "dark", "|difference|", "1 - ssim_map"]
    assert seen["legend"].startswith("|difference|: 0") and seen["legend"].endswith("1+")
    assert seen["wide"] <= 0 and seen["images"], "no scrolling sideways; pictures are in the page and have a text"


def test_what_is_left_out_is_said(page: Path) -> None:
    run = read_run(page.parent)
    text = render_page(run, {method: {} for method in run.methods}, [], Gallery([], [], {}, 7, 3))
    assert "7 more of the worst and best have no place" in text
    assert "images of up to 4 megapixels, and for 16 sizes and metrics: 3 maps left out." in text
    assert "1 file without a partner" in text and "1 pair was not scored" in text


def test_without_jinja(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name == "jinja2":
            raise ImportError(name)
        return kept(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InputError, match=r'pip install "jaxloss\[eval\]"'):
        render_page(read_run(page.parent), {}, [], Gallery([], [], {}, 0))
