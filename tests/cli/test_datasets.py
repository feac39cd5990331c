"""`jaxloss dataset` as its users meet it: what is written, what is found, and one line about what is wrong."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxloss.datasets import find_trials
from tests._command_line import Run, only_line
from tests.datasets._sets import choice_sets, comparison_sets


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check(run: Run) -> None:
    choice_sets(Path("data"), 5, 3)
    comparison_sets(Path("data"), 2)
    code, out, err = run("dataset", "check", "data")
    assert (code, err) == (0, "")
    _, _, *rows = [line.split() for line in out.splitlines() if line.strip()]
    assert rows == [
        ["2afc/a", "2afc", "5", "8", "x", "8", "75.0", "%", "ok"],
        ["2afc/b", "2afc", "3", "8", "x", "8", "70.8", "%", "ok"],
        ["jnd", "jnd", "2", "8", "x", "8", "-", "ok"],
    ]
    Image.new("RGB", (9, 8)).save("data/2afc/a/p0/000001.png")
    Path("data/2afc/b/p1/000001.png").unlink()
    code, out, err = run("dataset", "check", "data")
    assert code == 1 and "2 sizes" in out and out.count("WRONG") == 2
    assert [line.split(":")[1].strip() for line in err.splitlines()] == ["data/2afc/a/ref/000001.png", "data/2afc/b"]
    assert run("dataset", "check", "data/2afc/a", "--quick")[0] == 0


def test_import_of_choices_and_comparisons(run: Run) -> None:
    for name in "rab":
        Image.new("RGBA" if name == "a" else "RGB", (6, 6)).save(f"{name}.png")
    Path("choices.csv").write_text("reference,first,second,judge\nr.png,a.png,b.png,1\nr.png,a.png,b.png,0\n")
    code, out, err = run("dataset", "import", "choices.csv", "-o", "set/2afc/train/mine")
    assert (code, out) == (0, "Wrote 1 choice to set/2afc/train/mine.\n")
    assert only_line(err) == "note: a.png: alpha channel composited over white."
    Path("pairs.csv").write_text("first,second,same\nr.png,b.png,1\nr.png,r.png,1\n")
    assert run("dataset", "import", "pairs.csv", "-o", "set/jnd/val/mine")[:2] == (
        0,
        "Wrote 2 comparisons to set/jnd/val/mine.\n",
    )
    assert [trials.judgments.tolist() for trials in find_trials("set")] == [[0.5], [1, 1]]


def test_synthesize(run: Run) -> None:
    Path("photographs").mkdir()
    for name in "ab":
        Image.fromarray(np.full((20, 20, 3), 99, np.uint8)).save(f"photographs/{name}.png")
    options = ["--count", "4", "--side", "8", "--people", "3", "--seed", "7", "--distortions", "lightness_shift"]
    code, out, err = run("dataset", "synthesize", "photographs", "-o", "set", *options, "--observer", "slope=0")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Wrote 4 choices, synthetic, to set/2afc/train/synthetic.",
        "Wrote 1 choice, synthetic, to set/2afc/val/synthetic.",
        "Wrote 1 comparison, synthetic, to set/jnd/val/synthetic.",
    ]
    assert "slope 0, " in Path("set/README.md").read_text()
    assert [len(trials) for trials in find_trials("set")] == [4, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("check nowhere", "nowhere: no such file."),
        ("check .", ".: no judgments are in it or below."),
        ("import nowhere.csv -o set", "nowhere.csv: no such file."),
        ("import bad.csv -o set", "bad.csv: expected a column judge, or a column same."),
        ("import bad.csv", "Missing option '--output'"),
        ("synthesize nowhere -o set --count 4", "nowhere: No such file or directory."),
        ("synthesize . -o set", "Missing option '--count'"),
        ("synthesize . -o set --count 4", ".: expected two photographs or more, got 0."),
        ("synthesize . -o set --count 4 --distortions gosting", "no distortion 'gosting'. Did you mean 'ghosting'?"),
        ("synthesize . -o set --count 4 --observer nois=1", "the observer has no 'nois'. Did you mean 'noise'?"),
        ("synthesize . -o set --count 4 --observer noise", "noise of the observer is '', not a number. Write noise=1."),
    ],
)
def test_mistakes_are_one_line(run: Run, arguments: str, message: str) -> None:
    Path("bad.csv").write_text("first,second\na.png,b.png\n")
    code, out, err = run("dataset", *arguments.split())
    assert (code, out) == (2, "")
    assert only_line(err).startswith(message)
    assert [path.name for path in Path().iterdir()] == ["bad.csv"]
