"""Folders are paired by name, scored as single images are, and summed up; what has no partner is named."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxloss import InputError
from jaxloss.evaluate import compare, score_folders, summarize
from jaxloss.images import read_image


METRICS = ["mae", "psnr", "ssim"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a folder of images, one of them small, and one of noisy copies."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    Path("real").mkdir()
    Path("made").mkdir()
    for number, name in enumerate("abc"):
        image = photograph[: 8 if name == "c" else 16, 16 * number : 16 * number + 16]
        noisy = np.clip(image + 0.1 * number * rng.standard_normal(image.shape), 0, 1)
        for where, pixels in (("real", image), ("made", noisy)):
            Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(f"{where}/{name}.png")
    Image.open("made/b.png").save("made/b.bmp")
    Path("made/b.png").unlink()
    Path("real/readme.txt").write_text("no image")
    Path("real/inside.png").mkdir()
    Path("real/.hidden.png").write_text("no image")
    return tmp_path


def test_scores_are_those_of_single_images() -> None:
    seen = []
    found = score_folders("real", Path("made"), metrics=METRICS, progress=lambda *done: seen.append(done))
    assert list(found.scores) == ["a.png", "b.bmp", "c.png"]
    for name, scores in found.scores.items():
        target, image = (read_image(f"{path}").pixels for path in (f"real/{name[0]}.png", f"made/{name}"))
        (expected,) = compare(target, [image], metrics=METRICS)
        np.testing.assert_equal(scores, expected)
    assert math.isinf(found.scores["a.png"]["psnr"]) and math.isnan(found.scores["c.png"]["ssim"])
    assert found.notes == ("c.png: ssim is not computed: it needs 11 x 11 pixels, not 16 x 8.",)
    assert seen[-1] == (3, 3)


def test_notes_are_told_once_for_all_files() -> None:
    for path in Path("made").iterdir():
        with Image.open(path) as image:
            image.convert("RGBA").save(f"made/{path.stem}.png")
    Path("made/b.bmp").unlink()
    (note,) = score_folders("real", "made", metrics=["mae"]).notes
    assert note == "made/a.png, made/b.png, made/c.png: opaque alpha channel dropped."


def test_summary() -> None:
    values = {"a": math.inf, "b": 20.0, "c": 30.0, "d": 25.0}
    scores = {name: {"psnr": value, "mae": 1 / value, "ssim": math.nan} for name, value in values.items()}
    found = summarize(scores, metrics=METRICS)
    assert list(found) == ["mae", "psnr"]
    psnr, mae = found["psnr"], found["mae"]
    assert (psnr.images, psnr.mean, psnr.worst) == (4, math.inf, "b") and math.isnan(psnr.deviation)
    assert (psnr.q05, psnr.q25, psnr.median, psnr.q75, psnr.q95) == (20, 20, 25, 30, math.inf)
    assert mae.worst == "b" and mae.mean == pytest.approx(np.mean([0, 1 / 20, 1 / 30, 1 / 25]))
    assert mae.deviation == pytest.approx(np.std([0, 1 / 20, 1 / 30, 1 / 25], ddof=1))
    many = {f"{number}": {"mae": number / 100} for number in range(1, 101)}
    whole = summarize(many, metrics=["mae"])["mae"]
    assert [whole.q05, whole.q25, whole.median, whole.q75, whole.q95] == [0.05, 0.25, 0.5, 0.75, 0.95]
    assert math.isnan(summarize({"a": {"mae": 1.0}}, metrics=["mae"])["mae"].deviation)


def test_images_without_a_partner_are_named() -> None:
    Path("real/a.png").unlink()
    with pytest.raises(
        InputError, match=r"^made/a\.png without a partner in real\. Images are compared with those of the same"
    ):
        score_folders("real", "made")
    for name in "defg":
        Image.new("L", (8, 8)).save(f"real/{name}.png")
    with pytest.raises(
        InputError, match=r"^real/d\.png, real/e\.png, real/f\.png and 1 more without a partner in made\."
    ):
        score_folders("real", "made")


def test_what_cannot_be_paired(folder: Path) -> None:
    Path("empty").mkdir()
    with pytest.raises(InputError, match=r"^empty: there are no images in it\.$"):
        score_folders("real", "empty")
    with pytest.raises(InputError, match=r"^nowhere: no such file\.$"):
        score_folders("nowhere", "made")
    with pytest.raises(InputError, match=r"^real/a\.png: cannot be read: Not a directory\.$"):
        score_folders("real", "real/a.png")
    Image.new("L", (8, 8)).save("made/a.gif")
    with pytest.raises(
        InputError, match=r"^made: a\.gif and a\.png differ in their extension alone\. Keep one of them"
    ):
        score_folders("real", "made")
    Path("made/a.gif").unlink()
    Image.new("RGB", (9, 9)).save("made/a.png")
    with pytest.raises(InputError, match=r"^made/a\.png is 9 x 9 and real/a\.png is 16 x 16 pixels\. Crop or resize"):
        score_folders("real", "made", metrics=["mae"])
    with pytest.raises(InputError, match="no metric 'sim'"):
        score_folders("real", "made", metrics=["sim"])
