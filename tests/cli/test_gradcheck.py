"""`jaxloss gradcheck`: a table of errors, and exit code 1 where one is too large."""

import io
import math
from pathlib import Path

import jax
import pytest
from PIL import Image
from rich.console import Console

from jaxloss.cli._gradcheck import gradient_table
from jaxloss.evaluate import GradientCheck, _gradcheck
from tests._command_line import Run, check_mistake, only_line


RIGHT = _gradcheck.CLOSED_FORMS["ssim"]


def wrong(x: jax.Array, y: jax.Array, *, data_range: float) -> jax.Array:
    return 1.001 * RIGHT(x, y, data_range=data_range)


@pytest.fixture(autouse=True)
def small(folder: Path) -> None:
    """Images of 24 x 24 pixels, which only SSIM can do with."""
    for name in ("dark.png", "photo.png"):
        with Image.open(name) as image:
            image.crop((20, 20, 44, 44)).save(name)


def test_gradients_pass_and_what_is_left_out_is_said(run: Run) -> None:
    code, out, err = run("gradcheck", "dark.png", "photo.png")
    assert code == 0
    assert err.splitlines() == [
        f"jaxloss: note: {metric} is not computed: it needs {least} x {least} pixels, not 24 x 24."
        for metric, least in (("multi_sigma_ssim", 33), ("ms_ssim", 161))
    ]
    rows = [line.split() for line in out.splitlines() if "float" in line]
    assert [(row[0], row[1], row[-1]) for row in rows] == [("ssim", "float64", "ok"), ("ssim", "float32", "ok")]


def test_wrong_closed_form_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_gradcheck, "CLOSED_FORMS", {"ssim": wrong})
    code, out, err = run("gradcheck", "photo.png")
    assert code == 1
    assert out.count("FAILED") == 2
    assert only_line(err) == "out of tolerance: closed form of ssim in float64, closed form of ssim in float32."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("gradcheck nowhere.png", "nowhere.png: no such file."),
        ("gradcheck tiny.png", "expected images of at least 11 x 11 pixels, got 8 x 9."),
        ("gradcheck photo.png crop.png", "photo.png is 24 x 24 and crop.png is 40 x 50 pixels."),
        ("gradcheck photo.png photo.png photo.png", "expected at most 2 images, got 3"),
    ],
)
def test_mistakes_are_one_line(folder: Path, run: Run, arguments: str, message: str) -> None:
    check_mistake(lambda: run(*arguments.split()), folder, message)


def test_table_marks_failures() -> None:
    good = GradientCheck("ssim", "float64", {"forward": 1e-15, "closed form": 2e-14, "finite differences": 3e-9})
    bad = GradientCheck("multi_sigma_ssim", "float32", {"reverse": 1e-5, "forward": 1e-5, "closed form": math.nan})
    console = Console(file=io.StringIO(), width=80)
    console.print(gradient_table([good, bad]))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert lines[4].split() == ["ssim", "float64", "yardstick", "1.0e-15", "2.0e-14", "3.0e-09", "ok"]
    assert lines[5].split() == ["multi_sigma_ssim", "float32", "1.0e-05", "1.0e-05", "nan", "-", "FAILED"]
