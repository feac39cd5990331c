"""What all benchmarks that train share: progress in chunks, checkpoints, photographs, the command line."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest

from benchmarks import _training as training, inpainting, restoration
from benchmarks._photographs import Photograph, at_scales, random_crops, read_photographs, split, stack, trained_on
from benchmarks._training import Progress, advance, first, load, save
from benchmarks._training_command import Course, Plan, TrainingParser
from jaxloss.evaluate import InputError


Weights = dict[str, jax.Array]

SETTINGS = {"seed": 0, "steps": 7}


def start(length: int = 2, others: int = 1) -> Progress[Weights]:
    return first({"weights": jnp.arange(1.0, length + 1)}, others)


def step(state: Weights, index: jax.Array) -> tuple[Weights, jax.Array, jax.Array]:
    """Tells its index as loss, and ten times that."""
    return {"weights": 0.75 * state["weights"]}, index + 1, jnp.array([1.0, 10.0]) * index.astype(jnp.float32)


def trained(progress: Progress[Weights], steps: int = 7) -> Iterator[Progress[Weights]]:
    return advance(progress, step, lambda state: float(state["weights"][0]), steps=steps, chunk=3)


def test_curve_tells_means_of_chunks() -> None:
    *_, after = trained(start())
    assert after.steps == 7
    np.testing.assert_array_equal(after.curve[:, [0, 1, 3]], [[3, 1, 10], [6, 4, 40], [7, 6, 60]])
    np.testing.assert_allclose(after.curve[:, 2], [0.75**3, 0.75**6, 0.75**7], rtol=1e-6)
    np.testing.assert_allclose(after.state["weights"], 0.75**7 * np.array([1, 2]), rtol=1e-6)


def test_progress_for_people_and_for_the_file() -> None:
    progress = start()._replace(steps=3, curve=np.array([[3, 0.123456789, 30.12345, 2.3456789]]), seconds=1.26)
    assert progress.record == {"seconds": 1.3, "curve": [[3, 0.12346, 30.123, 2.3457]]}
    assert progress.describe("{:.1f} dB, other {:.2g}") == "3 steps in 1 s, loss 0.1235, 30.1 dB, other 2.3"
    assert start().describe("{:.1f} dB") == "0 steps"


def test_resumed_training_is_the_uninterrupted_one(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "training.msgpack"
    *_, whole = trained(start())
    save(path, next(trained(start())), SETTINGS)
    stopped = load(path, start()._replace(state={"weights": jnp.zeros(2)}), SETTINGS)
    assert stopped.steps == 3
    *_, resumed = trained(stopped)
    np.testing.assert_array_equal(resumed.curve, whole.curve)
    jax.tree.map(np.testing.assert_array_equal, resumed.state, whole.state)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_checkpoint_is_whole_or_the_old_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, progress = tmp_path / "training.msgpack", start()
    save(path, progress._replace(steps=2), {})

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(training.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save(path, progress._replace(steps=4), {})
    assert load(path, progress, {}).steps == 2
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    path, progress = tmp_path / "training.msgpack", start()
    assert load(path, progress, SETTINGS) is progress
    save(path, progress, SETTINGS)
    with pytest.raises(InputError, match="other settings: seed"):
        load(path, progress, {**SETTINGS, "seed": 1})


@pytest.mark.parametrize(
    "other", [start(length=3), start(others=0), first({"w": jnp.ones(2)}, 1), first((jnp.ones(2),), 1)]
)
def test_checkpoint_of_another_network_is_refused(tmp_path: Path, other: Progress[object]) -> None:
    path = tmp_path / "training.msgpack"
    save(path, other, SETTINGS)
    with pytest.raises(InputError, match="no checkpoint of this script"):
        load(path, start(), SETTINGS)


@pytest.mark.parametrize("content", [b"", b"damaged", b"\x80", b"\x81\xa8settings\xa22["])
def test_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "training.msgpack"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no checkpoint of this script"):
        load(path, start(), SETTINGS)


def test_photographs_are_read_with_even_sides(folder: Path) -> None:
    photographs, notes = read_photographs(folder, 36)
    assert {name: pixels.shape for name, pixels in photographs} == {
        "a": (64, 80, 3),
        "b": (64, 80, 3),
        "c": (64, 80, 3),
    }
    assert notes == [
        "gray.png is left out: it is gray.",
        "small.png is left out: it is smaller than the crops of 36 x 36.",
    ]
    with PIL.Image.open(folder / "c.png") as image:
        np.testing.assert_array_equal(photographs[2].pixels, np.asarray(image)[:, :80])


def test_split_holds_out() -> None:
    many = [Photograph(name, np.zeros((2, 2, 3), np.uint8)) for name in "abcd"]
    names = [[photo.name for photo in part] for part in split(many)]
    assert names == [["a", "b"], ["c", "d"]]
    assert [photo.name for photo in split(many[:3])[1]] == ["c"]
    assert [photo.name for photo in split(many, ["b.png", "a"])[1]] == ["a", "b"]
    with pytest.raises(InputError, match="no photograph 'e'"):
        split(many, ["e"])
    with pytest.raises(InputError, match="left to train on"):
        split(many[:1])


def test_crops_lie_within_an_image() -> None:
    """Every pixel of these images says where it is from, and what is filled up says nothing."""
    sizes = [(40, 60), (50, 32)]
    images = [np.stack([*np.indices(size), np.full(size, n)], -1) + 1 for n, size in enumerate(sizes)]
    places = set()
    for crop in crop_pixels(images, 64, 30, upright=True):
        top, left, number = crop[0, 0] - 1
        np.testing.assert_array_equal(crop, images[number][top : top + 30, left : left + 30])
        places.add((top, left, number))
    assert {number for *_, number in places} == {0, 1} and len(places) > 40


def crop_pixels(images: list[np.ndarray], count: int, side: int, **options: bool) -> np.ndarray:
    crops = random_crops(jax.random.key(0), stack(image.astype(np.uint8) for image in images), count, side, **options)
    return np.rint(255 * np.asarray(crops)).astype(int)


def test_crops_are_turned_and_mirrored() -> None:
    """As often by each symmetry of the square."""
    image = np.arange(9).reshape(3, 3, 1)
    symmetries = [np.rot90(side, turns) for side in (image, image.swapaxes(0, 1)) for turns in range(4)]
    found = [next(i for i, z in enumerate(symmetries) if (crop == z).all()) for crop in crop_pixels([image], 400, 3)]
    assert set(np.bincount(found, minlength=8) // 25) <= {1, 2}
    assert (crop_pixels([image], 20, 3, upright=True) == image).all()


def test_photographs_at_scales(rng: np.random.Generator) -> None:
    large, small = (
        Photograph(name, rng.integers(0, 256, (height, 80, 3), np.uint8)) for name, height in (("large", 64), ("b", 34))
    )
    found = at_scales([large, small], 32)
    assert [(name, pixels.shape[:2]) for name, pixels in found] == [
        ("large", (64, 80)), ("b", (34, 80)), ("large", (44, 56)), ("large", (32, 40)),
    ]  # fmt: skip
    np.testing.assert_array_equal(found[0].pixels, large.pixels)
    assert (
        trained_on({"scales": [1.0, 0.5], "training": ["a", "b"]}) == "Trained on a, b, each at 1.0 and 0.5 of its size"
    )


def test_names_of_an_option_are_different() -> None:
    parser = TrainingParser("restoration", None, "larger", losses=["l1", "l2"])
    assert parser.parse_args(["--images", "x"]).losses == ["l1", "l2"]
    assert parser.parse_args(["--images", "x", "--losses", "l2,l1,l2"]).losses == ["l2", "l1"]


def plan_of(folder: Path, *options: str) -> Plan[restoration.Size]:
    parser = TrainingParser("restoration", None, "larger", losses=["l1", "l2"])
    places = ["--output", str(folder / "results" / "new.jsonl"), "--checkpoints", str(folder / "checkpoints")]
    parsed = parser.parse_args(["--images", str(folder), *places, "--steps", "7", *options])
    sizes = {"small": restoration.SIZES["small"]._replace(crop=36), "full": restoration.SIZES["full"]}
    return parser.plan(parsed, sizes, {"small": "small", "full": "full"}, {"own": 1})


def test_trainings_of_a_run_go_on_from_their_checkpoints(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names, form = [("jpeg", "l1"), ("jpeg", "l2")], "{:.2f} dB, other {:.1f}"
    course = Course(plan_of(folder), names, lambda task, loss: start())
    course.prepare()
    done = course.train("jpeg", "l1", advance=trained, form=form)
    assert done.steps == 7
    assert [path.name for path in course.plan.checkpoints.iterdir()] == ["jpeg-l1.msgpack"]
    assert "jpeg, l1: 7 steps in 0 s, loss 6, 0.13 dB, other 60.0\n" in capsys.readouterr().err

    again = Course(plan_of(folder, "--resume"), names, lambda task, loss: start())
    assert [again.begin(*name).steps for name in names] == [7, 0]
    # Checkpoints that cannot be used are refused before an older result is replaced.
    again.checkpoint("jpeg", "l2").write_bytes(b"damaged")
    before = again.plan.output.read_text()
    with pytest.raises(InputError, match=r"jpeg-l2\.msgpack: no checkpoint of this script"):
        again.prepare()
    assert again.plan.output.read_text() == before


@pytest.mark.parametrize(("option", "file"), [("--checkpoints", "a.png"), ("--output", "a.png/new.jsonl")])
def test_files_that_cannot_be_written(folder: Path, option: str, file: str) -> None:
    course = Course(plan_of(folder, option, str(folder / file)), [], start)
    with pytest.raises(InputError, match=r"a\.png.*: (Not a directory|File exists)\."):
        course.prepare()


def test_plan_says_what_decides_on_the_results(folder: Path) -> None:
    plan = plan_of(folder, "--seed", "3", "--held-out", "a")
    own = {"own": 1, "seed": 3, "training": ["b", "c"], "held_out": ["a"]}
    assert plan.settings == {**plan.size._asdict(), **own} and plan.size.steps == 7
    command = {"size": "small", "command": "python -m benchmarks.restoration --images FOLDER"}
    assert plan.about["settings"] == {**command, **plan.settings}
    assert plan.checkpoints == folder / "checkpoints" / "small"
    full = plan_of(folder, "--full", "--images", str(folder), "--held-out", "c")
    assert full.about["settings"]["command"].endswith("FOLDER --full") and full.checkpoints.name == "full"


SCRIPTS: dict[str, ModuleType] = {"restoration": restoration, "inpainting": inpainting}


def run_main(monkeypatch: pytest.MonkeyPatch, name: str, *options: object) -> None:
    """With crops that fit into the photographs of the tests."""
    sizes = SCRIPTS[name].SIZES
    monkeypatch.setitem(sizes, "small", sizes["small"]._replace(crop=32))
    monkeypatch.setattr("sys.argv", [name, *map(str, options)])
    SCRIPTS[name].main()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("restoration", ["--tasks", "inpainting"], "got 'inpainting'"),
        ("restoration", ["--losses", "l2,beauty"], "got 'beauty'"),
        ("inpainting", ["--objectives", "pconv,beauty"], "got 'beauty'"),
        *(
            (name, options, message)
            for name in SCRIPTS
            for options, message in [
                (["--steps", "0"], "a whole number above 0, got '0'"),
                (["--held-out", "nobody"], "no photograph 'nobody'"),
                (["--held-out", "a,b,c"], "no photograph is left to train on"),
                (["--images", "nowhere"], "nowhere: No such file or directory."),
            ]
        ),
    ],
)
def test_errors_are_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    tmp_path: Path,
    name: str,
    options: list[str],
    message: str,
) -> None:
    output = tmp_path / "results.jsonl"
    with pytest.raises(SystemExit) as exit:
        run_main(monkeypatch, name, "--images", folder, "--output", output, *options)
    assert exit.value.code == 2
    *notes, line = capsys.readouterr().err.splitlines()
    assert line.startswith(f"python -m benchmarks.{name}: ") and message in line
    assert all("is left out" in note for note in notes)
    assert not output.exists()


@pytest.mark.parametrize("name", SCRIPTS)
def test_interruption_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, name: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SCRIPTS[name], "run", interrupt)
    with pytest.raises(SystemExit, match="130"):
        run_main(monkeypatch, name, "--images", folder)
    assert capsys.readouterr().err.splitlines()[-1] == "Stopped. The same command with --resume goes on."
