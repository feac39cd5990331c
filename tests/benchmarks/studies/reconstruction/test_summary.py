"""The measured curves in the guides."""

from benchmarks._results import FOLDER, ROOT
from benchmarks.studies.reconstruction._summary import markdown


def test_a_guide_shows_the_measured_curves() -> None:
    rows, notes = markdown(FOLDER / "reconstruction.csv")
    pages = [ROOT / "README.md", *(ROOT / "jaxloss").rglob("README.md")]
    text = " ".join(" ".join(page.read_text(encoding="utf-8").split()) for page in pages)
    for row in rows:
        assert f"| {' | '.join(row)} |" in text
    values = notes.partition("σ = ")[2].partition(";")[0]
    assert f"σ = {values}" in text
