"""`jaxloss quality`, `rate-distortion` and `style-score` as their users meet them."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxloss import InputError
from jaxloss.evaluate import StyleScore, codec_deltas, rate_distortion, score_folders, summarize
from jaxloss.images import read_image
from tests._command_line import Run, check_mistake, only_line


RATES = "rate-distortion photo.png --codecs jpeg,webp --qualities 90,20 --metrics mae,psnr"

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(autouse=True)
def folders(folder: Path, photograph: np.ndarray) -> None:
    """Two folders of two small images."""
    for name, scale in (("real", 1.0), ("made", 0.9)):
        Path(name).mkdir()
        for place in (0, 30):
            pixels = np.rint(255 * scale * photograph[place : place + 12, :16]).astype(np.uint8)
            Image.fromarray(pixels).save(f"{name}/{place}.png")


def test_quality_prints_a_line_for_each_metric(run: Run) -> None:
    code, out, err = run("quality", "real", "made", "--metrics", "mae,psnr", "--plot", "plot.png")
    assert code == 0 and err == ""
    header, _, mae, psnr, wrote = [line.split() for line in out.splitlines() if line.strip()]
    assert header == ["metric", "images", "mean", "SD", "5", "%", "median", "95", "%", "worst"]
    found = summarize(score_folders("real", "made", metrics=["mae", "psnr"]).scores, metrics=["mae", "psnr"])
    assert mae[:3] == ["mae", "↓", "2"] and float(mae[3]) == pytest.approx(found["mae"].mean, rel=0.01)
    assert psnr[:4] == ["psnr", "↑", "2", f"{found['psnr'].mean:.4f}"] and psnr[-1] == found["psnr"].worst
    assert wrote == ["Wrote", "plot.png."]
    with Image.open("plot.png") as picture:
        assert picture.width > 600


def test_quality_for_programs(run: Run) -> None:
    arguments = ["quality", "real", "made", "--metrics", "mae,ssim"]
    code, out, err = run(*arguments, "--json")
    found, scores = json.loads(out), score_folders("real", "made", metrics=["mae", "ssim"]).scores
    assert code == 0 and err == ""
    assert found["metrics"]["mae"] == summarize(scores, metrics=["mae"])["mae"]._asdict()
    assert found["images"] == [{"image": name, **row} for name, row in scores.items()]
    header, first, second = csv.reader(io.StringIO(run(*arguments, "--csv")[1]))
    assert header == ["image", "mae", "ssim"] and [first[0], second[0]] == ["0.png", "30.png"]
    assert float(first[1]) == scores["0.png"]["mae"]


def test_rate_distortion_prints_curves_and_deltas(run: Run) -> None:
    code, out, err = run(*RATES.split(), "-o", "curves.png")
    curves = rate_distortion(
        [read_image("photo.png").pixels], codecs=["jpeg", "webp"], qualities=[20, 90], metrics=["mae", "psnr"]
    )
    assert code == 0 and err == ""
    words = out.split()
    for point in (*curves["jpeg"], *curves["webp"]):
        assert f"{point.bytes_per_pixel:.4f}" in words and f"{point.scores['psnr']:.4f}" in words
    for delta in codec_deltas(curves):
        assert f"{delta.rate:+.1f}" in words and f"{delta.score:+.3g}" in words
    assert out.endswith("Wrote curves.png.\n")
    with Image.open("curves.png") as picture:
        assert picture.width > 600


def test_rate_distortion_for_programs(run: Run) -> None:
    found = json.loads(run(*RATES.split(), "--json")[1])
    assert [(point["codec"], point["quality"]) for point in found["points"]] == [
        ("jpeg", 20), ("jpeg", 90), ("webp", 20), ("webp", 90),
    ]  # fmt: skip
    assert [delta["metric"] for delta in found["deltas"]] == ["mae", "psnr"]
    header, *rows = csv.reader(io.StringIO(run(*RATES.split(), "--csv")[1]))
    assert header == ["codec", "quality", "bytes_per_pixel", "mae", "psnr"]
    expected = [list(point.values())[:3] for point in found["points"]]
    assert [[row[0], int(row[1]), float(row[2])] for row in rows] == expected


def test_one_quality_is_no_curve(run: Run) -> None:
    code, out, err = run(*RATES.replace("90,20", "50").split())
    assert code == 0 and "webp" in out
    assert len(err.splitlines()) == 4
    assert "note: webp against jpeg by mae: bd_rate: expected at least 2 points" in err


def test_style_score_prints_a_line_for_each_picture(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def score(content: np.ndarray, style: np.ndarray, stylized: np.ndarray) -> StyleScore:
        if stylized.shape != content.shape:
            raise InputError("the stylized picture is of another size.")
        return StyleScore(float(content.mean() - stylized.mean()), style.shape[0] / 100, 0.25)

    monkeypatch.setattr("jaxloss.evaluate.style_score", score)
    code, out, err = run("style-score", "photo.png", "style.png", "dark.png", "alpha.png")
    assert code == 0
    header, _, dark, alpha = [line.split() for line in out.splitlines() if line.strip()]
    assert header == ["image", "content", "↑", "style", "↑", "artifacts", "↓"]
    assert dark[0] == "dark.png" and dark[2:] == ["0.800", "0.250"] and alpha[0] == "alpha.png"
    assert only_line(err) == "note: alpha.png: alpha channel composited over white."
    (row,) = json.loads(run("style-score", "photo.png", "style.png", "photo.png", "--json")[1])
    assert row == {"image": "photo.png", "content": 0, "style": 0.8, "artifacts": 0.25}
    table = run("style-score", "photo.png", "style.png", "photo.png", "--csv")[1]
    assert table == "image,content,style,artifacts\nphoto.png,0.0,0.8,0.25\n"
    code, out, err = run("style-score", "photo.png", "style.png", "dark.png", "crop.png")
    assert (code, out) == (2, "")
    assert only_line(err) == "crop.png: the stylized picture is of another size."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("quality real nowhere", "nowhere: no such file."),
        ("quality real .", "no image of real has a partner of the same name."),
        ("quality real made --metrics sim", "no metric 'sim'. Did you mean 'ssim'?"),
        ("quality real made --json --csv", "--json and --csv exclude each other."),
        ("quality real made --plot plot", "plot: no picture format is known by the extension ''."),
        ("quality real", "Missing argument 'IMAGE_FOLDER'"),
        ("rate-distortion nowhere.png", "nowhere.png: no such file."),
        ("rate-distortion photo.png --codecs jpg", "no codec 'jpg'. Did you mean 'jpeg'?"),
        ("rate-distortion photo.png --qualities 0,50", "qualities must be whole numbers from 1 to 100, got 0, 50."),
        ("rate-distortion photo.png --qualities high", "qualities must be whole numbers from 1 to 100, got 'high'."),
        ("rate-distortion tiny.png", "tiny.png: ssim is not computed: it needs 11 x 11 pixels, not 8 x 9."),
        ("rate-distortion photo.png -o photo.png", "photo.png: is one of the files to read."),
        ("rate-distortion photo.png --json --csv", "--json and --csv exclude each other."),
        ("style-score photo.png style.png", "Missing argument 'STYLIZED"),
        ("style-score photo.png text.png dark.png", "text.png: not an image that Pillow can read."),
        (
            "style-score photo.png style.png crop.png",
            "crop.png: the stylized picture is 40 x 50 pixels and the content",
        ),
        ("style-score photo.png style.png dark.png --json --csv", "--json and --csv exclude each other."),
    ],
)
def test_mistakes_are_one_line(folder: Path, run: Run, arguments: str, message: str) -> None:
    check_mistake(lambda: run(*arguments.split()), folder, message)
