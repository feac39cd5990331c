"""`jaxloss no-reference` as its users meet it."""

import json
from pathlib import Path

import pytest

from tests._command_line import Run, check_mistake, only_line


pytestmark = pytest.mark.usefixtures("folder")


def test_a_column_for_each_image_in_every_format(run: Run) -> None:
    images = ["photo.png", "dark.png", "tiny.png"]
    code, out, err = run("no-reference", *images, "--metrics", "brisque")
    assert (
        code == 0 and only_line(err) == "note: tiny.png: brisque is not computed: it needs 14 x 14 pixels, not 8 x 9."
    )
    header, _, row = [line.split() for line in out.splitlines() if line.strip()]
    assert header == ["metric", *images] and row[:2] == ["brisque", "↓"] and row[4] == "-"
    assert sum(cell.endswith("*") for cell in row) == 1
    _, out, _ = run("no-reference", *images, "--metrics", "brisque", "--json")
    photo, dark, tiny = json.loads(out)
    assert f"{photo['brisque']:.4f}" in row[2] and photo != dark and tiny == {"image": "tiny.png", "brisque": None}
    _, out, _ = run("no-reference", *images, "--metrics", "brisque", "--csv")
    assert out.splitlines()[0] == "image,brisque" and out.splitlines()[3] == "tiny.png,"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("photo.png nowhere.png", "nowhere.png: no such file."),
        ("photo.png --metrics nique", "no metric without a reference 'nique'. Did you mean 'niqe'?"),
        ("photo.png --metrics ,", "no metric is chosen."),
        ("photo.png --json --csv", "--json and --csv exclude each other."),
        ("", "Missing argument 'IMAGE"),
    ],
)
def test_mistakes_are_one_line(folder: Path, run: Run, arguments: str, message: str) -> None:
    check_mistake(lambda: run("no-reference", *arguments.split()), folder, message)
