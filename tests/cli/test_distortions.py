"""`jaxloss distortions`: a sheet with a row for each distortion, or one line about what is wrong."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxloss.judgments.distortions import DISTORTIONS
from tests._command_line import Run, check_mistake, only_line


pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(autouse=True)
def few_distortions() -> Iterator[None]:
    kept, saved = ("uniform_noise", "lightness_shift"), dict(DISTORTIONS)
    for name in set(DISTORTIONS) - set(kept):
        del DISTORTIONS[name]
    yield
    DISTORTIONS.clear()
    DISTORTIONS.update(saved)


def test_sheet_of_the_package_s_photograph(run: Run) -> None:
    assert run("distortions") == (0, "Wrote distortions.png: 2 distortions at 4 strengths.\n", "")
    with Image.open("distortions.png") as sheet:
        width, height = sheet.size
    assert width == 4 * (224 + 16) + 16 and 2 * 224 < height < 2 * 300


def test_strengths_families_and_seed(run: Run) -> None:
    sheets = []
    for seed in ("0", "0", "1"):
        options = ("--families", "noise", "--strengths", "0, 0.5", "--seed", seed, "--output", "sheet.png")
        code, out, err = run("distortions", "gray.png", *options)
        assert (code, out, err) == (0, "Wrote sheet.png: 1 distortions at 2 strengths.\n", "")
        with Image.open("sheet.png") as sheet:
            sheets.append(np.asarray(sheet))
    assert np.array_equal(sheets[0], sheets[1]) and not np.array_equal(sheets[1], sheets[2])
    with Image.open("gray.png") as image:  # 80 x 64, shown at twice its size; colors come from the noise alone
        original = np.asarray(image.convert("RGB")).repeat(2, 0).repeat(2, 1)
    first, second = (sheets[0][38 : 38 + 128, left : left + 160] for left in (16, 16 + 240))
    np.testing.assert_array_equal(first, original)
    assert 15 < np.abs(second.astype(float) - original).mean() < 50


def test_what_was_done_to_the_file_is_said(run: Run) -> None:
    code, _, err = run("distortions", "alpha.png", "--families", "photometric", "--strengths", "1")
    assert code == 0 and only_line(err) == "note: alpha.png: alpha channel composited over white."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nowhere.png", "nowhere.png: no such file."),
        ("text.png", "text.png: not an image that Pillow can read."),
        ("photo.png -o photo.png", "photo.png: is one of the files to read."),
        ("-o sheet", "sheet: no picture format is known by the extension ''."),
        ("--families noises", "No family of distortions is named 'noises'. Did you mean 'noise'?"),
        ("--strengths 0.5,2", "Strengths lie from 0 to 1, got 0.5, 2."),
        ("--strengths nan", "Strengths lie from 0 to 1, got nan."),
        ("--strengths strong", "--strengths: expected numbers separated by commas, got 'strong'."),
        ("--strengths=", "--strengths: expected numbers separated by commas, got ''."),
    ],
)
def test_mistakes(arguments: str, message: str, tmp_path: Path, run: Run) -> None:
    check_mistake(lambda: run("distortions", *arguments.split()), tmp_path, message)
