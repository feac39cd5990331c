"""Opinions of images of several sizes: the correlations of the metrics' scores, and mistakes with their line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jaxloss import InputError
from jaxloss.evaluate import judge_opinions
from jaxloss.judgments import kendall, pearson, spearman


@pytest.fixture
def csv(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Of two references of different sizes, one gray, each six images of growing noise and falling opinions."""
    rows = ["opinion,image,reference"]
    for name, step, shape in (("a", 6, (12, 10, 3)), ("b", 7, (10, 14))):
        reference = rng.integers(60, 196, shape)
        for number in range(6):
            image = reference + step * number * rng.choice([-1, 1], shape)
            Image.fromarray(image.astype(np.uint8)).save(tmp_path / f"{name}{number}.png")
            rows.append(f"{5 - number + rng.uniform(-1, 1)},{name}{number}.png,{name}0.png")
    path = tmp_path / "opinions.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def table(csv: Path) -> tuple[np.ndarray, np.ndarray]:
    """MSE and opinions."""
    rows = [line.split(",") for line in csv.read_text().splitlines()[1:]]
    pixels = [[np.asarray(Image.open(csv.parent / name), np.float64) / 255 for name in row[1:]] for row in rows]
    return np.array([((x - y) ** 2).mean() for x, y in pixels]), np.array([float(row[0]) for row in rows])


def test_correlations(csv: Path) -> None:
    said: list[str] = []
    options: dict[str, Any] = {"resamples": 40, "versus": "mse", "report": said.append}
    verdicts, notes = judge_opinions(csv, metrics=["mse", "psnr", "lpips"], **options)
    linear, ranks, pairs = verdicts
    assert [verdict.name for verdict in verdicts] == ["Pearson", "Spearman", "Kendall"]
    assert {(verdict.kind, verdict.trials, verdict.chance) for verdict in verdicts} == {("opinion", 12, 0)}
    assert "psnr is infinite for 2 images, which count as the best of the others." in notes
    assert any(note.startswith("lpips is not computed: it needs 31 x 31 pixels") for note in notes)
    mse, opinions = table(csv)
    assert list(ranks.scores) == ["mse", "psnr"]
    assert ranks.scores["mse"].value == pytest.approx(spearman(-mse, opinions))
    assert pairs.scores["mse"].value == pytest.approx(kendall(-mse, opinions))
    assert pearson(-mse, opinions) < linear.scores["mse"].value <= 1  # a curve fits better than a line
    capped = np.where(mse == 0, mse[mse > 0].min(), mse)
    assert ranks.scores["psnr"].value == pytest.approx(spearman(-capped, opinions))
    assert all(interval.low < interval.value for verdict in verdicts for interval in verdict.scores.values())
    assert list(ranks.tests) == ["psnr"] and not linear.tests and said[-1] == "psnr: intervals"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a1.png,a0.png,good", "line 2: opinion is 'good', not a number."),
        ("a1.png,a0.png,1\nno.png,a0.png,1", "line 3: {folder}/no.png: no such file."),
        ("b1.png,a0.png,1", "line 2: {folder}/b1.png is 14 x 10 and {folder}/a0.png is 10 x 12 pixels."),
        ("", "there are no opinions below the header."),
        ("a1.png,a0.png,1\na2.png,a0.png,2", "mse: correlate: expected at least 6 trials, got 2."),
    ],
)
def test_mistakes_are_said_with_their_line(csv: Path, rows: str, message: str) -> None:
    csv.write_text(f"image,reference,opinion\n{rows}\n")
    with pytest.raises(InputError) as caught:
        judge_opinions(csv, metrics=["mse"], resamples=20)
    assert message.format(folder=csv.parent) in str(caught.value) and str(caught.value).startswith(str(csv))


def test_no_metric_suits_all_images(csv: Path) -> None:
    with pytest.raises(InputError, match="no metric can be computed of images of this size: ssim is not computed"):
        judge_opinions(csv, metrics=["ssim"])
