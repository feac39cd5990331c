"""A page that is up to date."""

from pathlib import Path

from benchmarks import report
from benchmarks._results import FOLDER, append, start_file
from tests.benchmarks._races import ABOUT, race_of


def test_page_shows_newest_results() -> None:
    text = report.README.read_text(encoding="utf-8")
    assert text.count(report.BEGIN) == text.count(report.END) == 1
    assert report.updated(text, FOLDER) == text, "Run python -m benchmarks.report."


def test_page_has_a_row_per_race(tmp_path: Path) -> None:
    start_file(tmp_path / "a.jsonl", ABOUT)
    for record in race_of(2.0, piq=30.0, floor=0.5):
        append(tmp_path / "a.jsonl", record)
    page = report.updated(f"before {report.BEGIN} old {report.END} after", tmp_path)
    assert page.startswith("before ")
    assert page.endswith(" after")
    assert " old " not in page
    assert "| ssim | 8x256x256 | value | 2.0 | piq | 30 | 15 × | 4.0 × |" in page
    assert "| piq | 30 / none |" in page
