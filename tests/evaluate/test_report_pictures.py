"""Which pairs are shown, and what their pictures show."""

import base64
import io
import math
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from jaxloss.evaluate import _report_pictures
from jaxloss.evaluate._report_pictures import choose_pairs, make_gallery
from jaxloss.evaluate._report_records import read_run
from jaxloss.images import dissimilarity_map, read_image
from jaxloss.images._colors import colorize
from tests.evaluate._report_runs import make_rows, write_run


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, photograph: np.ndarray) -> list:
    return make_rows(tmp_path_factory.mktemp("pictures"), photograph)


def pixels(address: str) -> np.ndarray:
    data = base64.b64decode(address.removeprefix("data:image/webp;base64,"))
    return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"), np.float64)


def test_choice_goes_from_both_ends(rows: list, tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path, rows))
    choices = choose_pairs(run)
    assert len(choices) == 2 * 3 * 6, "methods, metrics, pairs: none twice"
    first = [(choice.end, choice.metric, choice.method, choice.record.name) for choice in choices[:7]]
    assert first[0] == ("worst", "psnr", "plain", "0.png") and first[5] == ("worst", "mae", "dark", "0.png")
    assert first[6] == ("best", "psnr", "plain", "5.png")
    of_one = [choice for choice in choices if (choice.metric, choice.method) == ("psnr", "dark")]
    assert [choice.record.name for choice in of_one if choice.end == "worst"] == ["0.png", "1.png", "2.png"]
    assert [choice.record.name for choice in of_one if choice.end == "best"] == ["5.png", "4.png", "3.png"]


def test_pictures_show_the_images_and_their_errors(rows: list, tmp_path: Path) -> None:
    gallery = make_gallery(read_run(write_run(tmp_path, [rows[0]])))
    assert [card.choice.metric for card in gallery.cards] == ["psnr", "ssim", "mae"]
    psnr, ssim, _ = gallery.cards
    assert len(psnr.pictures) == 3 and len(ssim.pictures) == 4 and len(gallery.pictures) == 4
    reference, test = (read_image(rows[0][key]).pixels for key in ("reference", "test"))
    factor = 224 // 32
    shown = [pixels(gallery.pictures[number])[3::factor, 3::factor] for number in ssim.pictures]
    for found, image in zip(shown, (reference, test), strict=False):
        assert np.abs(found / 255 - image).mean() < 0.05
    formula, highest = gallery.legends["difference"]
    errors = np.abs(reference - test).mean(axis=-1)
    assert formula == "|difference|" and np.quantile(errors, 0.98) <= highest <= 2 * errors.max()
    assert np.abs(shown[2] - colorize(errors, highest=highest)).mean() < 12
    assert gallery.legends["ssim"] == ("1 - ssim_map", 1)
    inside = np.s_[6:-6, 6:-6]  # the border is light gray, and the format smooths it
    expected = colorize(dissimilarity_map(reference, test))
    assert np.abs(shown[3] - expected)[inside].mean() < 12 and shown[3][0, 0] == pytest.approx(225, abs=8)


def test_bytes_and_programs_are_bounded(rows: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = read_run(write_run(tmp_path, rows))
    monkeypatch.setattr(_report_pictures, "MOST_PROGRAMS", 0)
    monkeypatch.setattr(_report_pictures, "MOST_BYTES", 20_000)
    gallery = make_gallery(run)
    assert {len(card.pictures) for card in gallery.cards} == {3} and "ssim" not in gallery.legends
    assert 0 < gallery.left_out == 36 - len(gallery.cards)
    assert gallery.unmapped == 12  # of ssim, the only one with a map
    assert 10_000 < sum(map(len, gallery.pictures)) * 3 / 4 <= 20_000
    monkeypatch.setattr(_report_pictures, "MOST_PAIRS", 1)
    assert {card.choice.record.name for card in make_gallery(run).cards} == {"0.png"}


def test_missing_file_is_told_on_its_card(rows: list, tmp_path: Path) -> None:
    gone = {**rows[1], "test": str(tmp_path / "gone\udcff.png"), "scores": {"mae": 1.0}}
    other = {**rows[3], "reference": rows[-1]["reference"], "scores": {"mae": math.pi}}
    notes = {
        card.choice.record.name: card.note for card in make_gallery(read_run(write_run(tmp_path, [gone, other]))).cards
    }
    assert notes["0.png"].endswith(r"gone\udcff.png: no such file.") and "Crop or resize" in notes["1.png"]


def test_worst_frame_of_a_video_is_shown(rows: list, tmp_path: Path) -> None:
    for name, level in (("a", 200), ("b", 100)):
        (tmp_path / name).mkdir()
        frames = [PIL.Image.new("RGB", (8, 8), (level + 10 * n,) * 3) for n in range(3)]
        for number, frame in enumerate(frames):
            frame.save(tmp_path / name / f"frame{9 + number}.png")
        frames[0].save(tmp_path / f"{name}.png", save_all=True, append_images=frames[1:])
    video = {**rows[0], "scores": {"psnr": 2.0}, "frames": {"psnr": [3.0, 1.0, 2.0]}}
    for suffix in ("", ".png"):
        row = {**video, "reference": str(tmp_path / f"a{suffix}"), "test": str(tmp_path / f"b{suffix}")}
        gallery = make_gallery(read_run(write_run(tmp_path / "run", [row])))
        assert [pixels(picture).mean() for picture in gallery.pictures[:2]] == pytest.approx([210, 110], abs=3)
    row = {**row, "reference": str(tmp_path / "a"), "frames": {"psnr": [3.0, 3.0, 3.0, 1.0]}}
    (card,) = make_gallery(read_run(write_run(tmp_path / "run", [row]))).cards
    assert card.note.endswith("there are 3 frames in it, and number 4 was to be shown.")
