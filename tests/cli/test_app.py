"""The command line as its users meet it: what it prints, where, and with which exit code."""

import csv
import io
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image, ImageOps
from typer.testing import CliRunner

from jaxloss import cli
from jaxloss.evaluate import _gradcheck
from jaxloss.registry import METRICS
from tests._command_line import Run, only_line


ROOT = Path(__file__).parents[2]
METRICS = [name for name, row in METRICS.items() if row.kind == "metric" and not row.variant]


def run_apart(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "jaxloss", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def folder(tmp_path: Path, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with images in it."""
    monkeypatch.chdir(tmp_path)
    photo = Image.fromarray(np.rint(photograph[:64, 60:140] * 255).astype(np.uint8))
    photo.save("photo.png")
    ImageOps.invert(photo).save("negative.png")
    Image.blend(photo, Image.new("RGB", photo.size), 0.5).save("dark.png")
    photo.convert("L").save("gray.png")
    photo.crop((0, 0, 40, 50)).save("crop.png")
    photo.crop((0, 0, 8, 9)).save("tiny.png")
    photo.putalpha(128)
    photo.save("alpha.png")
    Path("text.png").write_text("not an image")
    Path("truncated.png").write_bytes(Path("photo.png").read_bytes()[:3000])
    Path("directory.png").mkdir()
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_compare_prints_one_row_for_each_image(run: Run) -> None:
    code, out, err = run("compare", "photo.png", "dark.png", "negative.png", "--metrics", "mae, psnr,ssim")
    assert (code, err) == (0, "")
    header, _, *rows = [line.split() for line in out.splitlines() if line.strip()]
    assert header == ["image", "mae", "↓", "psnr", "↑", "ssim", "↑"]
    assert [row[0] for row in rows] == ["dark.png", "negative.png"]
    assert all(len(row) == 4 for row in rows)


@pytest.mark.usefixtures("folder")
def test_compare_shows_every_metric_and_says_which_need_more_pixels(run: Run) -> None:
    code, out, err = run("compare", "photo.png", "photo.png")
    assert code == 0
    assert all(f" {name} " in out for name in METRICS)
    assert only_line(err) == "note: ms_ssim is not computed: it needs 161 x 161 pixels, not 80 x 64."


@pytest.mark.usefixtures("folder")
def test_json_is_all_of_stdout_and_strict(run: Run) -> None:
    code, out, err = run("compare", "photo.png", "photo.png", "dark.png", "alpha.png", "--json")

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    same, dark, alpha = json.loads(out, parse_constant=refuse)
    assert code == 0
    assert list(same) == ["image", *METRICS]
    assert (same["image"], same["mae"], same["psnr"], same["ms_ssim"]) == ("photo.png", 0, "inf", None)
    assert 0 < dark["ssim"] < 1
    assert alpha["image"] == "alpha.png"
    assert "alpha.png: alpha channel composited over white." in err


@pytest.mark.usefixtures("folder")
def test_csv_is_all_of_stdout(run: Run) -> None:
    code, out, _ = run("compare", "photo.png", "photo.png", "dark.png", "--csv")
    header, same, dark = csv.reader(io.StringIO(out))
    assert code == 0
    assert header == ["image", *METRICS]
    assert (same[0], same[4], same[header.index("ms_ssim")]) == ("photo.png", "inf", "")
    assert float(dark[1]) > 0


@pytest.mark.usefixtures("folder")
def test_map_is_written(run: Run) -> None:
    code, out, _ = run("compare", "photo.png", "dark.png", "negative.png", "--metrics", "ssim", "--map", "map.png")
    assert code == 0
    assert "Wrote map.png." in out
    with Image.open("map.png") as picture:
        assert picture.width > 3 * 80
        assert picture.height > 2 * 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("compare photo.png nowhere.png", "nowhere.png: no such file."),
        ("compare nowhere.png photo.png", "nowhere.png: no such file."),
        (
            "compare photo.png directory.png",
            "directory.png: is a directory. Name the files in it: directory.png/",
        ),
        ("compare photo.png text.png", "text.png: not an image that Pillow can read."),
        ("compare photo.png truncated.png", "truncated.png: cannot be decoded: image file is truncated."),
        (
            "compare photo.png crop.png",
            "crop.png is 40 x 50 and photo.png is 80 x 64 pixels. Crop or resize",
        ),
        ("compare photo.png gray.png", "gray.png is gray and photo.png is RGB. Save both as gray or both as RGB."),
        ("compare photo.png dark.png --metrics sim", "no metric 'sim'. Did you mean 'ssim'?"),
        ("compare photo.png dark.png --metrics ,", "no metric is chosen."),
        ("compare photo.png dark.png --json --csv", "--json and --csv exclude each other."),
        ("compare photo.png dark.png --map map", "map: no picture format is known by the extension ''."),
        ("compare photo.png dark.png --map nowhere/map.png", "nowhere/map.png: the directory nowhere does not exist."),
        ("compare photo.png dark.png --map directory.png", "directory.png: is a directory."),
        ("compare photo.png dark.png --map photo.png", "photo.png: is one of the images to read."),
        ("compare photo.png dark.png --map ./dark.png", "dark.png: is one of the images to read."),
        ("compare tiny.png tiny.png --map map.png", "a map of the SSIM needs images of 11 x 11 pixels, got 8 x 9."),
        ("compare photo.png", "Missing argument 'IMAGE"),
        ("compare photo.png dark.png --nonsense", "No such option: --nonsense"),
        ("gradcheck nowhere.png", "nowhere.png: no such file."),
        ("gradcheck tiny.png", "expected images of at least 11 x 11 pixels, got 8 x 9."),
        ("gradcheck photo.png crop.png", "photo.png is 80 x 64 and crop.png is 40 x 50 pixels."),
        ("gradcheck photo.png photo.png photo.png", "expected at most 2 images, got 3"),
        ("demo -o nowhere/demo.png", "nowhere/demo.png: the directory nowhere does not exist."),
        ("demo --output demo", "demo: no picture format is known by the extension ''."),
        ("nonsense", "No such command 'nonsense'."),
    ],
)
def test_mistakes_are_one_line(folder: Path, run: Run, arguments: str, message: str) -> None:
    before = {path.name: path.is_file() and path.read_bytes() for path in folder.iterdir()}
    code, out, err = run(*arguments.split())
    assert (code, out) == (2, "")
    assert only_line(err).startswith(message)
    assert {path.name: path.is_file() and path.read_bytes() for path in folder.iterdir()} == before


def test_faults_of_the_program_keep_their_traceback(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxloss.evaluate.compare", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["jaxloss", "compare", "photo.png", "dark.png"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_gradcheck_fails_on_a_wrong_closed_form(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    right = _gradcheck.CLOSED_FORMS["ssim"]

    def wrong(x: jax.Array, y: jax.Array, *, data_range: float) -> jax.Array:
        return 1.001 * right(x, y, data_range=data_range)

    monkeypatch.setattr(_gradcheck, "CLOSED_FORMS", {"ssim": wrong})
    code, out, err = run("gradcheck", "photo.png")
    assert code == 1
    assert out.count("FAILED") == 2
    assert only_line(err) == "out of tolerance: closed form of ssim in float64, closed form of ssim in float32."


def test_gradcheck_passes_and_says_what_it_left_out(folder: Path) -> None:
    for name in ("dark.png", "photo.png"):
        with Image.open(name) as image:
            image.crop((20, 20, 50, 52)).save(name)
    done = run_apart("gradcheck", "dark.png", "photo.png", folder=folder)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"jaxloss: note: {metric} is not computed: it needs {least} x {least} pixels, not 30 x 32."
        for metric, least in (("multi_sigma_ssim", 33), ("ms_ssim", 161))
    ]
    rows = [line.split() for line in done.stdout.splitlines() if "float" in line]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("ssim", "float64", "ok"),
        ("ssim", "float32", "ok"),
    ]


def test_demo_in_an_empty_directory(tmp_path: Path) -> None:
    done = run_apart("demo", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["jaxloss-demo.png"]
    for name in ("brightness", "contrast", "white noise", "JPEG", "blur", "pixelation", "psnr", "ms_ssim"):
        assert f" {name} " in done.stdout
    assert done.stdout.rstrip().splitlines()[-1].startswith("Wrote jaxloss-demo.png")


@pytest.mark.parametrize("arguments", [("compare", "photo.png", "text.png"), ("compare", "photo.png"), ("nonsense",)])
def test_mistakes_in_a_process_of_their_own(folder: Path, arguments: tuple[str, ...]) -> None:
    done = run_apart(*arguments, folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    only_line(done.stderr)


def test_ascii_terminal(folder: Path) -> None:
    done = run_apart("compare", "photo.png", "dark.png", "--metrics", "mae", folder=folder, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "dark.png" in done.stdout


def test_closed_pipe_is_quiet(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "jaxloss", "metrics"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_metrics_lists_the_registry() -> None:
    done = CliRunner().invoke(cli.app, ["metrics"])
    assert done.exit_code == 0
    assert all(f" {name} " in done.output for name in METRICS)


def test_version() -> None:
    done = CliRunner().invoke(cli.app, ["--version"])
    assert (done.exit_code, done.output) == (0, f"jaxloss {version('jaxloss')}\n")


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_the_commands(arguments: list[str]) -> None:
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 0
    assert all(name in done.output for name in ("compare", "gradcheck", "demo", "metrics", "--version"))


def test_help_tells_what_the_machine_readable_text_holds() -> None:
    done = CliRunner().invoke(cli.app, ["compare", "--help"], env={"COLUMNS": "200"})
    assert '"inf" and null' in done.output
    assert "--map" in done.output
