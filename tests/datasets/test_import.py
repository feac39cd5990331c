"""Rows of a CSV file become trials: people are averaged, images kept, mistakes said with their line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxloss import InputError
from jaxloss.datasets import batches, import_pairs, import_triplets
from jaxloss.datasets._import import kind_of_csv


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with images below it."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(["r", "a", "b", "c"]):
        path = Path("study", "images", f"{name}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 4), (number, 10, 20)).save(path)
    Image.new("L", (5, 4), 7).save("study/images/gray.png")
    Image.new("RGB", (4, 4)).save("study/images/small.png")
    return tmp_path


def answers(text: str) -> str:
    Path("study/answers.csv").write_text(text.replace("?", "images/"))
    return "study/answers.csv"


def test_triplets(folder: Path) -> None:
    csv = answers(
        "who,second,first,reference,judge\n"
        "1,?b.png,?a.png,?r.png,1\n"
        "2,?b.png,?a.png,?r.png,0\n"
        "3,?a.png,?b.png,?r.png,0\n"  # exchanged: this person found b nearer, too
        "1,?gray.png,?c.png,?r.png,0.25\n"
        "2,?b.png,?a.png,?r.png,1\n"
    )
    trials, notes = import_triplets(csv, "set/2afc/train/mine")
    assert (trials.name, trials.kind, trials.judgments.tolist(), notes) == ("mine", "2afc", [0.75, 0.25], [])
    (read,) = batches([trials], batch=2, side=None)
    np.testing.assert_array_equal(np.rint(read.first[:, 0, 0] * 255), [[1, 10, 20], [3, 10, 20]])
    np.testing.assert_array_equal(np.rint(read.second[:, 0, 0] * 255), [[2, 10, 20], [7, 7, 7]])
    assert read.reference.shape == (2, 4, 5, 3)
    assert kind_of_csv(csv) == "2afc"
    with pytest.raises(InputError, match=r"mine: is not empty"):
        import_triplets(csv, "set/2afc/train/mine")


def test_pairs(folder: Path) -> None:
    Image.new("RGBA", (5, 4), (0, 0, 0, 128)).save("study/images/alpha.png")
    csv = answers("first,second,same\n?a.png,?b.png,1\n?b.png,?a.png,0\n?alpha.png,?b.png,1\n?a.png,?a.png,1\n")
    trials, notes = import_pairs(csv, "pairs")
    assert (trials.kind, trials.judgments.tolist()) == ("jnd", [0.5, 1, 1])
    assert notes == ["study/images/alpha.png: alpha channel composited over white."]
    assert kind_of_csv(csv) == "jnd"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("?r.png,?a.png,?b.png,1.5", "line 2: judge is 1.5; it is a share of people in [0, 1]."),
        ("?r.png,?a.png,?b.png,much", "line 2: judge is 'much', not a number."),
        ("?r.png,?a.png,,1", "line 2: the column 'second' is empty."),
        ("?r.png,?a.png,?b.png,1\n?r.png,?a.png,?no.png,0", "line 3: study/images/no.png: no such file."),
        (
            "?r.png,?small.png,?b.png,1",
            "line 2: study/images/small.png is 4 x 4 and study/images/r.png is 5 x 4 pixels. What is",
        ),
    ],
)
def test_mistakes_are_said_with_their_line_and_nothing_is_written(folder: Path, rows: str, message: str) -> None:
    csv = answers(f"reference,first,second,judge\n{rows}\n")
    with pytest.raises(InputError) as caught:
        import_triplets(csv, "set/mine")
    assert str(caught.value).startswith(f"study/answers.csv, {message}")
    assert not Path("set/mine").exists()


def test_columns_that_are_missing(folder: Path) -> None:
    csv = answers("reference,first,second\n")
    with pytest.raises(InputError, match="no column 'judge'; there are 'reference', 'first', 'second'"):
        import_triplets(csv, "set")
    with pytest.raises(InputError, match=r"The first line is reference,first,second,judge or first,second,same\.$"):
        kind_of_csv(csv)
    with pytest.raises(InputError, match="there are no judgments below the header"):
        import_pairs(answers("first,second,same\n"), "set")
