"""`jaxloss compare` as its users meet it: what it prints, where, and with which exit code."""

import csv
import dataclasses
import functools
import io
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxloss import pu_psnr, save_params
from jaxloss.registry import METRICS, Metric
from tests._command_line import Run, check_mistake, run_apart
from tests.images._light import write_light
from tests.networks import one_layer_alexnet


pytestmark = pytest.mark.usefixtures("folder")


def test_compare_prints_one_column_for_each_image_and_marks_the_best(run: Run) -> None:
    code, out, err = run("compare", "photo.png", "dark.png", "negative.png", "--metrics", "mae, psnr,ssim")
    assert (code, err) == (0, "")
    header, _, *rows = [line.split() for line in out.splitlines() if line.strip()]
    assert header == ["metric", "dark.png", "negative.png"]
    assert [row[:2] for row in rows] == [["mae", "↓"], ["psnr", "↑"], ["ssim", "↑"]]
    assert all(row[2].endswith("*") and not row[3].endswith("*") for row in rows)


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of all metrics: what they need, and the score of equal images, without their programs."""

    def stand_in(row: Metric) -> Metric:
        @functools.wraps(row.function)
        def score(x: jax.Array, y: jax.Array, **options: object) -> jax.Array:
            return jnp.where((x == y).all(axis=(-3, -2, -1)), row.perfect, row.perfect - 0.5)

        return dataclasses.replace(row, function=score)

    for name, row in METRICS.items():
        monkeypatch.setitem(METRICS, name, stand_in(row))


def check_every_metric(run: Run) -> None:
    """All are shown in order; those that are computed are perfect, but for those that find faults in one image."""
    code, out, err = run("compare", "photo.png", "photo.png")
    chosen = [row for row in METRICS.values() if row.kind == "metric" and not row.variant]
    small = [row for row in chosen if row.smallest > 64]
    assert code == 0 and "*" not in out and len(chosen) > 40 and len(small) > 2
    shown = {line.split()[0]: line.split()[-1] for line in out.splitlines() if line.strip()}
    assert list(shown)[2:] == [row.name for row in chosen]
    assert [row for row in chosen if shown[row.name] == "-"] == small
    for row in chosen:
        if row not in small and not row.own_faults:
            assert float(shown[row.name]) == pytest.approx(row.perfect, abs=row.slack + 1e-4), row.name
    assert err.splitlines() == [
        f"jaxloss: note: {row.name} is not computed: it needs {row.smallest} x {row.smallest} pixels, not 80 x 64."
        for row in small
    ]


@pytest.mark.usefixtures("stand_ins")
def test_every_metric_is_shown_and_said_which_need_more_pixels(run: Run) -> None:
    check_every_metric(run)


@pytest.mark.full
def test_every_metric_is_computed(run: Run) -> None:
    check_every_metric(run)


def test_json_is_all_of_stdout_and_strict(run: Run, few_metrics: list[str]) -> None:
    code, out, err = run("compare", "photo.png", "photo.png", "dark.png", "alpha.png", "--json")

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    same, dark, alpha = json.loads(out, parse_constant=refuse)
    assert code == 0
    assert list(same) == ["image", *few_metrics]
    assert (same["image"], same["mae"], same["psnr"], same["ms_ssim"]) == ("photo.png", 0, "inf", None)
    assert 0 < dark["ssim"] < 1
    assert alpha["image"] == "alpha.png"
    assert "alpha.png: alpha channel composited over white." in err


def test_light_is_shown_on_a_display(run: Run) -> None:
    light = np.linspace(0, 3, 8 * 9 * 3, dtype=np.float32).reshape(8, 9, 3)
    write_light(Path("sun.exr"), light)
    write_light(Path("cloud.exr"), np.float32(0.8) * light)
    compared = "compare sun.exr cloud.exr --metrics pu_psnr --display absolute --json --exposure"
    scores = []
    for exposure in ("1", "100"):
        code, out, err = run(*compared.split(), exposure)
        assert (code, err) == (0, "")
        scores += [image["pu_psnr"] for image in json.loads(out)]
    pair = np.asarray([80, 100], np.float32)[:, None, None, None] * light
    expected = pu_psnr(*pair, data_range=1.0, display="absolute")
    assert scores[0] > scores[1] == pytest.approx(float(expected), abs=1e-4)
    for arguments, message in {
        "--metrics psnr": "sun.exr: holds light, which psnr does not take.",
        "--map map.png": "sun.exr: no map is drawn of light.",
        "--display absolut": "no display 'absolut'. Did you mean 'absolute'?",
        "--exposure 2": "an exposure is that of a display.",
    }.items():
        check_mistake(
            lambda arguments=arguments: run(*"compare sun.exr sun.exr".split(), *arguments.split()), Path(), message
        )


def test_parameters_of_ones_own_are_one_more_metric(run: Run) -> None:
    with one_layer_alexnet() as params:
        save_params("mine.safetensors", params)
        code, out, _ = run(*"compare photo.png photo.png dark.png --metrics mae --params mine.safetensors".split())
        table = [line.split() for line in out.splitlines() if line.strip()]
        assert code == 0 and [row[:3] for row in table[3:]] == [["mine", "↓", "0.0000*"]]
        code, out, _ = run(*"compare photo.png dark.png --metrics mae --params mine.safetensors --csv".split())
    assert code == 0 and out.startswith("image,mae,mine\n") and float(out.rpartition(",")[2]) > 0


def test_csv_is_all_of_stdout(run: Run, few_metrics: list[str]) -> None:
    code, out, _ = run("compare", "photo.png", "photo.png", "dark.png", "--csv")
    header, same, dark = csv.reader(io.StringIO(out))
    assert code == 0
    assert header == ["image", *few_metrics]
    assert (same[0], same[2], same[4]) == ("photo.png", "inf", "")
    assert float(dark[1]) > 0


@pytest.mark.parametrize(("options", "drawn"), [("", "ssim"), ("--map-metric gmsd", "gmsd")])
def test_map_is_written(run: Run, monkeypatch: pytest.MonkeyPatch, options: str, drawn: str) -> None:
    seen = []
    monkeypatch.setattr("jaxloss.images._maps.choose_map", lambda name: seen.append(name) or METRICS[name])
    arguments = f"compare photo.png dark.png negative.png --metrics mae --map map.png {options}"
    code, out, _ = run(*arguments.split())
    assert code == 0 and seen == [drawn]
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
        ("compare photo.png dark.png --params mine.safetensors", "mine.safetensors: no such file."),
        ("compare photo.png dark.png --params dark.png", "dark.png: expected a file of safetensors, got "),
        ("compare photo.png dark.png --json --csv", "--json and --csv exclude each other."),
        ("compare photo.png dark.png --map map", "map: no picture format is known by the extension ''."),
        ("compare photo.png dark.png --map nowhere/map.png", "nowhere/map.png: the directory nowhere does not exist."),
        ("compare photo.png dark.png --map directory.png", "directory.png: is a directory."),
        ("compare photo.png dark.png --map photo.png", "photo.png: is one of the files to read."),
        ("compare photo.png dark.png --map ./dark.png", "dark.png: is one of the files to read."),
        ("compare tiny.png tiny.png --map map.png", "no map of ssim: it needs 11 x 11 pixels, not 8 x 9."),
        ("compare photo.png dark.png --map map.png --map-metric sim", "no map of a metric 'sim'. Did you mean 'ssim'?"),
        ("compare photo.png dark.png --map map.png --map-metric psnr", "no map of a metric 'psnr'. There are: ssim"),
        (
            "compare photo.png dark.png --map-metric ssim",
            "--map-metric says what to draw. Say where to, with",
        ),
        ("compare photo.png", "Missing argument 'IMAGE"),
        ("compare photo.png dark.png --nonsense", "No such option: --nonsense"),
    ],
)
def test_mistakes_are_one_line(folder: Path, run: Run, arguments: str, message: str) -> None:
    check_mistake(lambda: run(*arguments.split()), folder, message)


def test_ascii_terminal(folder: Path) -> None:
    arguments = "compare photo.png dark.png --metrics mae"
    done = run_apart(*arguments.split(), folder=folder, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "dark.png" in done.stdout


def test_help_tells_what_the_machine_readable_text_holds(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    _, out, _ = run("compare", "--help")
    assert '"inf" and null' in out
    assert "--map" in out and "JAXLOSS_CACHE" in out
