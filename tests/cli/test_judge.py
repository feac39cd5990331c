"""`jaxloss judge` as its users meet it: a folder or a CSV file in, a table and bars out, mistakes in one line."""

import csv
import functools
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxloss.datasets import write_choices
from jaxloss.evaluate import judge_opinions
from jaxloss.judgments import Choices
from tests._command_line import Run, only_line
from tests.datasets._sets import choice_sets


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> Path:
    """The current directory, with choices in it that agree with MSE."""
    monkeypatch.chdir(tmp_path)
    images = rng.random((3, 12, 8, 8, 3), np.float32)
    distances = ((images[1:] - images[0]) ** 2).mean(axis=(2, 3, 4))
    nearer = (distances[1] < distances[0]).astype(np.float32)
    write_choices("data/2afc/val/mine", Choices(images[0], images[1], images[2], nearer, np.ones(12)))
    choice_sets(Path("data/2afc/train"), 3)
    return tmp_path


def judge(run: Run, *arguments: str) -> tuple[int, str, str]:
    return run("judge", *arguments, "--metrics", "mse,psnr,ssim")


def test_table_and_bars(run: Run) -> None:
    code, out, err = judge(run, "data", "--side", "0", "--versus", "mse", "--plot", "bars.png")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["mse", "100.0", "±0.0*"] in lines and ["people", "100.0", "±0.0"] in lines
    assert ["psnr", "+0.0", "±0.0,", "p", "=", "1.000"] in lines
    assert lines[-1] == ["Wrote", "bars.png."]
    with Image.open("bars.png") as picture:
        assert picture.width > 300
    train, ssim = err.splitlines()
    assert train.endswith("2afc/train/2afc/a is left out: it is to train with. Name its own folder to judge by it.")
    assert ssim.endswith("ssim is not computed: it needs 11 x 11 pixels, not 8 x 8.")


def test_json_and_csv_are_all_of_stdout(run: Run, few_metrics: list[str]) -> None:
    (verdict,) = json.loads(run("judge", "data/2afc/val", "--json", "--limit", "5", "--side", "16")[1])
    assert (verdict["set"], verdict["trials"]) == ("mine", 5) and list(verdict["scores"]) == ["mae", "psnr", "ssim"]
    rows = list(csv.DictReader(io.StringIO(run("judge", "data/2afc/train", "--csv", "--side", "0")[1])))
    assert [row["metric"] for row in rows] == ["mae", "psnr", "people"]  # nothing but what is to train with


def test_opinions(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxloss.evaluate.judge_opinions", functools.partial(judge_opinions, resamples=20))
    rows = ["reference,image,opinion"]
    for number in range(7):
        Image.new("RGB", (8, 8), (20 * number, 0, 0)).save(f"{number}.png")
        rows.append(f"0.png,{number}.png,{-number}")
    Path("opinions.csv").write_text("\n".join(rows) + "\n")
    code, out, err = run("judge", "opinions.csv", "--metrics", "mse", "--level", "0.5", "--plot", "bars.png")
    assert code == 0 and err == ""
    heading, _, row, wrote = [line.split() for line in out.splitlines() if line.strip() and "n = " not in line]
    assert heading == ["Pearson", "Spearman", "Kendall"] and row[0] == "mse" and row[3] == "1.000"
    assert wrote == ["Wrote", "bars.png."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nowhere", "nowhere: no such file."),
        (".hidden", ".hidden: no such file."),
        ("data --json --csv", "--json and --csv exclude each other."),
        ("data --side -1", "--side is -1; it has to be 1 or more, or 0"),
        ("data --limit 0", "--limit is 0; it has to be 1 or more."),
        ("data --limit 2", "2afc/val/mine: there are fewer than 3 trials"),
        ("data --level 95", "--level is 95; it has to lie between 0 and 1"),
        ("data --versus lpips", "there is no 'lpips' to test against."),
        ("data --params nowhere.safetensors", "nowhere.safetensors: no such file."),
        ("data --plot bars.text", "bars.text: no picture format is known by the extension '.text'."),
    ],
)
def test_mistakes_are_one_line(run: Run, arguments: str, message: str) -> None:
    code, out, err = judge(run, *arguments.split())
    assert (code, out) == (2, "")
    assert only_line(err).startswith(message)
    assert [path.name for path in Path().iterdir()] == ["data"]


def test_bars_without_matplotlib(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, out, err = judge(run, "data", "--side", "0", "--plot", "bars.png")
    assert (code, out) == (2, "") and "drawing needs matplotlib" in only_line(err)
    assert not Path("bars.png").exists()
