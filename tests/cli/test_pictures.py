"""`jaxloss stylize` and `jaxloss demo`: a picture, or one line about what is wrong before the work begins."""

import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image

from jaxloss import images
from jaxloss.images import _stylize
from tests._command_line import Run, check_mistake, files, only_line
from tests.painting import thin_network


QUICK = "--size 32 --steps 2"


pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(autouse=True)
def thin() -> Iterator[None]:
    with thin_network():
        yield


@pytest.fixture
def stylize(run: Run) -> Run:
    """`stylize("photo.png style.png -o out.png")` calls `jaxloss stylize` with these."""
    return lambda arguments: run("stylize", *arguments.split())


def test_picture_is_written(folder: Path, stylize: Run) -> None:
    before = files(folder)
    code, out, err = stylize(f"photo.png style.png -o out.png {QUICK}")
    assert (code, out, err) == (0, "Wrote out.png, 32 x 26 pixels.\n", "")
    after = files(folder)
    assert after.keys() - before.keys() == {"out.png"}
    assert all(after[name] == before[name] for name in before)
    with Image.open("out.png") as picture:
        assert (picture.size, picture.mode) == ((32, 26), "RGB")


def test_gray_and_alpha_are_taken_as_other_commands_do(stylize: Run) -> None:
    with jax.numpy_dtype_promotion("standard"):  # Adam mixes its integer count with floats
        code, _, err = stylize(f"gray.png alpha.png -o out.jpg {QUICK} --start noise --seed 1 --optimizer adam")
    assert code == 0
    assert only_line(err) == "note: alpha.png: alpha channel composited over white."
    with Image.open("out.jpg") as picture:
        assert picture.size == (32, 26)


def test_options_reach_the_function(stylize: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def note(content: np.ndarray, style: np.ndarray, **options: Any) -> np.ndarray:
        seen.update(options, shapes=(content.shape, style.shape))
        return content

    monkeypatch.setattr(images, "stylize", note)
    options = {"size": 40, "steps": 7, "style_weight": 2.5, "content_weight": 3.5, "smoothness": 4.5, "seed": 9}
    options |= {"optimizer": "adam", "start": "noise"}
    text = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in options.items())
    assert stylize(f"photo.png style.png -o out.png {text}")[0] == 0
    assert seen.pop("shapes") == ((64, 80, 3), (80, 64, 3))
    assert callable(seen.pop("progress"))
    assert seen == options


def test_defaults_are_those_of_the_function(stylize: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(images, "stylize", lambda content, _, **options: seen.update(options) or content)
    assert stylize("photo.png style.png -o out.png")[0] == 0
    keywords = inspect.signature(_stylize.stylize).parameters.values()
    defaults = {row.name: row.default for row in keywords if row.kind is row.KEYWORD_ONLY}
    assert seen == {**defaults, "progress": seen["progress"]}


def test_progress_is_shown_on_terminals_only(stylize: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # which Rich takes for a terminal
    code, out, err = stylize(f"photo.png style.png -o out.png {QUICK}")
    assert (code, out) == (0, "Wrote out.png, 32 x 26 pixels.\n")
    assert "Painting" in err and "2/2" in err and "loss" in err


def test_interruption_leaves_nothing(folder: Path, stylize: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("out.png").write_text("old")
    before = files(folder)

    def interrupted(*_: object, progress: Callable[[int, float], object], **__: object) -> None:
        progress(1, 2.0)
        raise KeyboardInterrupt

    monkeypatch.setattr(images, "stylize", interrupted)
    assert stylize("photo.png style.png -o out.png") == (130, "", "")
    assert files(folder) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nowhere.png style.png -o out.png", "nowhere.png: no such file."),
        ("photo.png nowhere.png -o out.png", "nowhere.png: no such file."),
        ("photo.png text.png -o out.png", "text.png: not an image that Pillow can read."),
        ("directory.png style.png -o out.png", "directory.png: is a directory."),
        ("photo.png narrow.png -o out.png --size 64", "style is 64 x 6 pixels when it is scaled to size 64"),
        ("photo.png style.png -o out.png --size 8", "size must be 16 or more, got 8."),
        ("photo.png style.png -o out.png --steps 0", "steps must be 1 or more, got 0."),
        ("photo.png style.png -o out.png --steps many", "Invalid value for '--steps'"),
        ("photo.png style.png -o out.png --style-weight -1", "style_weight must be a finite number, 0 or more"),
        ("photo.png style.png -o out.png --optimizer sgd", "optimizer must be one of lbfgs, adam, got 'sgd'."),
        ("photo.png style.png -o out.png --start style", "start must be one of content, noise, got 'style'."),
        ("photo.png style.png -o out", "out: no picture format is known by the extension ''."),
        ("photo.png style.png -o nowhere/out.png", "nowhere/out.png: the directory nowhere does not exist."),
        ("photo.png style.png -o photo.png", "photo.png: is one of the files to read."),
        ("photo.png style.png -o ./style.png", "style.png: is one of the files to read."),
        ("photo.png style.png -o out.xbm", "out.xbm: cannot be written: cannot write mode RGB as XBM."),
        ("photo.png style.png", "Missing option '--output'"),
        ("photo.png -o out.png", "Missing argument 'STYLE'"),
    ],
)
def test_mistakes_are_one_line_before_the_work(
    folder: Path, stylize: Run, monkeypatch: pytest.MonkeyPatch, arguments: str, message: str
) -> None:
    monkeypatch.setattr(_stylize, "load_params", lambda _: pytest.fail("The work has begun."))
    check_mistake(lambda: stylize(arguments), folder, message)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="Nothing is forbidden to root.")
def test_directory_without_permission(stylize: Run) -> None:
    closed = Path("closed")
    closed.mkdir(mode=0o555)
    code, out, err = stylize("photo.png style.png -o closed/out.png")
    assert (code, out) == (2, "")
    assert only_line(err).startswith("closed/out.png: cannot be written: Permission denied.")


def test_demo_writes_a_sheet_and_prints_its_scores(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    code, out, err = run("demo")
    assert (code, err) == (0, "")
    assert [path.name for path in Path().iterdir()] == ["jaxloss-demo.png"]
    for name in ("brightness", "contrast", "white noise", "JPEG", "blur", "pixelation", "psnr", "ms_ssim"):
        assert f" {name} " in out
    assert out.rstrip().splitlines()[-1].startswith("Wrote jaxloss-demo.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("-o nowhere/demo.png", "nowhere/demo.png: the directory nowhere does not exist."),
        ("--output demo", "demo: no picture format is known by the extension ''."),
    ],
)
def test_mistakes_of_the_demo(folder: Path, run: Run, arguments: str, message: str) -> None:
    check_mistake(lambda: run("demo", *arguments.split()), folder, message)
