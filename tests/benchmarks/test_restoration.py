"""Restoration: exact degradations, crops that belong together, a training that can be stopped, results on the page."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest

from benchmarks import _restoration_training as training, report, restoration
from benchmarks._restoration_summary import better, newest, ordering, rows, scores
from benchmarks._restoration_tasks import (
    TASKS,
    Photograph,
    Stack,
    bayer_sites,
    interpolate_bayer,
    jpeg,
    low_resolution,
    random_crops,
    split,
    stack,
)
from benchmarks._restoration_training import LOSSES, Probe, Progress, Size, load, restore, save, start, train
from benchmarks._results import Run, read_file
from jaxloss.evaluate import InputError, compare


TINY = Size(width=4, residual=True, crop=36, batch=2, steps=8, learning_rate=2e-3, chunk=2)
KEY = jax.random.key(0)


@pytest.fixture
def optax_promotion() -> Iterator[None]:
    """Optax's own arithmetic mixes types, so that its steps cannot run under the strict promotion of the tests."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture(scope="module")
def pixels(photograph: np.ndarray) -> np.ndarray:
    return np.rint(255 * photograph[:64, :80]).astype(np.uint8)


@pytest.fixture(scope="module")
def photos(pixels: np.ndarray) -> list[Photograph]:
    """Of two sizes."""
    return [Photograph("a", pixels), Photograph("b", pixels[:48, :64])]


@pytest.fixture
def folder(tmp_path: Path, photograph: np.ndarray) -> Path:
    """Three color photographs, a gray one, a small one, and a file that is none."""
    images = tmp_path / "images"
    images.mkdir()
    full = np.rint(255 * photograph).astype(np.uint8)
    for name, part in {"a": full[:65, :80], "b": full[20:84, 30:110], "c": full[40:104, :81]}.items():
        PIL.Image.fromarray(part).save(images / f"{name}.png")
    PIL.Image.fromarray(full[:64, :64, 0]).save(images / "gray.png")
    PIL.Image.fromarray(full[:20, :64]).save(images / "small.png")
    (images / "notes.txt").write_text("no image")
    return images


def test_bayer_pattern() -> None:
    letters = np.array(["R", "G", "B"])[bayer_sites(4, 6).argmax(axis=-1)]
    assert ["".join(row) for row in letters] == ["RGRGRG", "GBGBGB", "RGRGRG", "GBGBGB"]
    assert (bayer_sites(5, 7).sum(axis=-1) == 1).all()


def slow_bilinear(image: np.ndarray) -> np.ndarray:
    """Each missing value is the mean of the nearest measured ones of its color: 2 or 4 of them, mirrored at borders."""
    sites = bayer_sites(*image.shape[:2])
    padded = np.pad(image.astype(np.float64), ((1, 1), (1, 1), (0, 0)), mode="reflect")
    measured = np.pad(sites, ((1, 1), (1, 1), (0, 0)), mode="reflect")
    out = image.astype(np.float64)
    for i, j, c in zip(*np.nonzero(~sites), strict=True):
        values, known = padded[i : i + 3, j : j + 3, c], measured[i : i + 3, j : j + 3, c]
        cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
        near = known & cross if (known & cross).any() else known
        out[i, j, c] = values[near].mean()
    return out


def test_bayer_interpolation_is_bilinear(photograph: np.ndarray) -> None:
    image = photograph[:10, :14]
    np.testing.assert_allclose(interpolate_bayer(jnp.asarray(image)), slow_bilinear(image), rtol=1e-5, atol=1e-6)


def test_bayer_ignores_what_is_not_measured(photograph: np.ndarray) -> None:
    image = photograph[:10, :14]
    only_measured = np.where(bayer_sites(10, 14), image, np.float32(np.nan))
    np.testing.assert_array_equal(interpolate_bayer(jnp.asarray(only_measured)), interpolate_bayer(jnp.asarray(image)))


def test_noise_is_that_of_its_key(pixels: np.ndarray) -> None:
    task = TASKS["demosaicking"]
    one, same, other = (task.degrade(jax.random.key(seed), pixels) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    clean = interpolate_bayer(jnp.asarray(pixels / 255, jnp.float32))
    sites = bayer_sites(*pixels.shape[:2])
    assert np.asarray(one - clean)[sites].std() == pytest.approx(0.05, rel=0.05)
    assert np.abs(one - other).mean() > 0.01


def test_jpeg_is_lossy_and_deterministic(pixels: np.ndarray) -> None:
    once = jpeg(pixels)
    assert (once.shape, once.dtype) == (pixels.shape, np.uint8)
    np.testing.assert_array_equal(once, jpeg(pixels))
    assert np.abs(once.astype(float) - pixels).mean() > 1
    np.testing.assert_array_equal(TASKS["jpeg"].degrade(KEY, pixels), jnp.float32(once) / 255)


@pytest.mark.parametrize("size", [(64, 80), (48, 64), (36, 38)])
def test_low_resolution_keeps_size_and_loses_detail(pixels: np.ndarray, size: tuple[int, int]) -> None:
    image = pixels[: size[0], : size[1]]
    assert low_resolution(image).shape == image.shape
    np.testing.assert_array_equal(low_resolution(np.full_like(image, 77)), np.full_like(image, 77))
    checkerboard = np.where((np.indices(size).sum(axis=0) % 2 == 0)[..., None], 255, 0).astype(np.uint8)
    inside = low_resolution(np.repeat(checkerboard, 3, axis=-1))[8:-8, 8:-8].astype(float)
    assert np.ptp(inside) < 60


@pytest.mark.parametrize("task", ["jpeg", "super_resolution"])
def test_crops_are_pairs_within_a_photograph(photos: list[Photograph], task: str) -> None:
    stacked = stack(photos, TASKS[task])
    degraded, original = random_crops(KEY, stacked, TASKS[task], 16, 40)
    assert degraded.shape == original.shape == (16, 40, 40, 3)
    whole = {photo.name: np.stack([photo.pixels, TASKS[task].once(photo.pixels)]) for photo in photos}
    seen = set()
    for pair in np.rint(255 * np.stack([original, degraded], axis=1)).astype(np.uint8):
        places = [
            (name, i, j)
            for name, both in whole.items()
            for i in range(both.shape[1] - 39)
            for j in range(both.shape[2] - 39)
            if (both[:, i, j] == pair[:, 0, 0]).all() and (both[:, i : i + 40, j : j + 40] == pair).all()
        ]
        assert places
        seen.update(places)
    assert {name for name, *_ in seen} == {"a", "b"}
    assert len({(i, j) for _, i, j in seen}) > 10


def test_split_holds_out(photos: list[Photograph]) -> None:
    many = [photos[0]._replace(name=name) for name in "abcd"]
    names = [[photo.name for photo in part] for part in split(many)]
    assert names == [["a", "b"], ["c", "d"]]
    assert [photo.name for photo in split(many[:3])[1]] == ["c"]
    assert [photo.name for photo in split(many, ["b.png", "a"])[1]] == ["a", "b"]
    with pytest.raises(InputError, match="no photograph 'e'"):
        split(many, ["e"])
    with pytest.raises(InputError, match="left to train on"):
        split(many[:1])


def training_of(
    photos: list[Photograph], task: str, loss: str, size: Size = TINY
) -> tuple[Progress, Stack, Probe, dict[str, Any]]:
    probe = Probe(TASKS[task].degrade(KEY, photos[0].pixels), jnp.asarray(photos[0].pixels / 255, jnp.float32))
    return start(size, KEY), stack(photos, TASKS[task]), probe, {"task": task, "loss": loss, "size": size}


def test_residual_network_starts_as_identity(photos: list[Photograph]) -> None:
    progress, _, probe, _ = training_of(photos, "jpeg", "l2")
    np.testing.assert_allclose(
        restore(progress.state.params, probe.degraded, size=TINY), probe.degraded, rtol=0, atol=1e-7
    )
    plain = TINY._replace(residual=False)
    assert np.abs(restore(start(plain, KEY).state.params, probe.degraded, size=plain) - probe.degraded).mean() > 0.05


@pytest.mark.usefixtures("optax_promotion")
@pytest.mark.parametrize("loss", LOSSES)
def test_few_steps_lower_the_loss(photos: list[Photograph], loss: str) -> None:
    size = TINY._replace(steps=40, chunk=16, width=8, learning_rate=5e-3)
    progress, stacked, probe, what = training_of(photos, "demosaicking", loss, size)
    *_, after = train(progress, KEY, stacked, probe, **what)
    assert [int(step) for step, _, _ in after.curve] == [16, 32, 40]
    output = restore(after.state.params, probe.degraded, size=size)
    # The network starts as the identity.
    assert LOSSES[loss](output, probe.original) < 0.98 * LOSSES[loss](probe.degraded, probe.original)


@pytest.mark.usefixtures("optax_promotion")
def test_resumed_training_is_the_uninterrupted_one(photos: list[Photograph], tmp_path: Path) -> None:
    progress, stacked, probe, what = training_of(photos, "demosaicking", "l1", TINY._replace(steps=7))
    *_, whole = train(progress, KEY, stacked, probe, **what)

    path, settings = tmp_path / "folder" / "training.msgpack", {"steps": 7}
    fresh = start(TINY._replace(steps=7), KEY)
    chunks = train(fresh, KEY, stacked, probe, **what)
    next(chunks)
    save(path, next(chunks), settings)

    stopped = load(path, start(TINY._replace(steps=7), jax.random.key(9)), settings)
    assert stopped.steps == 4
    *_, resumed = train(stopped, KEY, stacked, probe, **what)
    assert resumed.steps == 7
    np.testing.assert_array_equal(resumed.curve, whole.curve)
    jax.tree.map(np.testing.assert_array_equal, resumed.state, whole.state)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_checkpoint_is_whole_or_the_old_one(monkeypatch, tmp_path: Path) -> None:
    path, progress = tmp_path / "training.msgpack", start(TINY, KEY)
    save(path, progress._replace(steps=2), {})

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(training.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save(path, progress._replace(steps=4), {})
    assert load(path, progress, {}).steps == 2
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    path, progress = tmp_path / "training.msgpack", start(TINY, KEY)
    assert load(path, progress, {"seed": 0}) is progress
    save(path, progress, {"seed": 0, "steps": 8})
    with pytest.raises(InputError, match="other settings: seed"):
        load(path, progress, {"seed": 1, "steps": 8})
    path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="no checkpoint"):
        load(path, progress, {"seed": 0, "steps": 8})


def run_main(monkeypatch, *options: object) -> None:
    monkeypatch.setattr("sys.argv", ["restoration", *map(str, options)])
    restoration.main()


@pytest.mark.usefixtures("optax_promotion")
def test_from_command_line_to_page(monkeypatch, folder: Path, tmp_path: Path, capsys) -> None:
    monkeypatch.setitem(restoration.SIZES, "small", TINY)
    monkeypatch.setattr(restoration, "compare", partial(compare, metrics=["psnr", "mse", "mae", "ms_ssim"]))
    output = tmp_path / "results" / "restoration.jsonl"
    options = ["--images", folder, "--tasks", "jpeg", "--losses", "l2,l1", "--steps", "3", "--output", output]
    run_main(monkeypatch, *options, "--checkpoints", tmp_path / "checkpoints")
    run = read_file(output)
    assert [record["network"] for record in run.measurements] == ["input", "l2", "l1"]
    assert run.about["settings"] | {"steps": 3, "training": ["a", "b"], "held_out": ["c"]} == run.about["settings"]
    assert str(folder) not in output.read_text()
    out, errors = capsys.readouterr()
    assert "gray.png is left out: it is gray." in errors
    assert "small.png is left out: it is smaller than the crops of 36 x 36." in errors
    assert "its input" in out
    assert run.measurements[0]["photographs"]["c"]["ms_ssim"] is None  # too small for it
    page = report.updated(f"{report.BEGIN}{report.END}", output.parent)
    assert "### Restoration, small size" in page
    for name in ("curves", "pictures"):
        assert f"![restoration {name}](results/restoration_{name}.png)" in page
    # Resumed, the same command finds its checkpoints finished, and says the same.
    run_main(monkeypatch, *options, "--checkpoints", tmp_path / "checkpoints", "--resume")
    assert read_file(output).measurements == run.measurements
    # Checkpoints that do not fit are refused before the results are replaced.
    with pytest.raises(SystemExit):
        run_main(monkeypatch, *options, "--checkpoints", tmp_path / "checkpoints", "--resume", "--seed", "1")
    assert "other settings: seed" in capsys.readouterr().err
    assert read_file(output).measurements == run.measurements


def run_of(scores: dict[str, float], date: str = "2030-01-01", size: str = "small", task: str = "jpeg") -> Run:
    values = {name: {"photo": {"mse": value, "psnr": -10 * np.log10(value)}} for name, value in scores.items()}
    records = [{"task": task, "network": name, "photographs": value} for name, value in values.items()]
    return Run({"date": date, "settings": {"size": size}}, records)


def test_newest_run_of_a_task_counts_whole() -> None:
    runs = [run_of({"l2": 0.1, "l1": 0.2}), run_of({"l2": 0.3}), run_of({"l2": 0.4}, size="full")]
    ((_, records),) = newest(runs, "small")
    assert [record["photographs"]["photo"]["mse"] for record in records] == [0.3]
    assert len(newest([*runs, run_of({"l2": 0.5}, task="demosaicking")], "small")) == 2


def test_table_marks_the_best_and_tells_the_ordering() -> None:
    found = scores(run_of({"input": 0.4, "l2": 0.3, "l1": 0.2, "mix": 0.1}).measurements)
    table = rows(found, "<{}>")
    assert table[-1] == ["jpeg", "Mix", "<100.000>", "<10.00>"]
    assert table[0] == ["jpeg", "its input", "400.000", "3.98"]
    assert ordering(found) == ["jpeg: holds in 1000·L2, PSNR; fails in none."]
    found = scores(run_of({"l2": 0.3, "l1": 0.1, "mix": 0.2}).measurements)
    assert ordering(found) == ["jpeg: holds in none; fails in 1000·L2, PSNR."]
    assert better("psnr", 2.0, 1.0) and better("mse", 1.0, 2.0) and not better("mse", None, 2.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tasks", "inpainting"], "got 'inpainting'"),
        (["--losses", "l2,beauty"], "got 'beauty'"),
        (["--steps", "0"], "a whole number above 0, got '0'"),
        (["--held-out", "nobody"], "no photograph 'nobody'"),
        (["--held-out", "a,b,c"], "no photograph is left to train on"),
        (["--images", "nowhere"], "nowhere: No such file or directory."),
    ],
)
def test_errors_are_one_line(
    monkeypatch, capsys, folder: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    output = tmp_path / "results.jsonl"
    with pytest.raises(SystemExit) as exit:
        run_main(monkeypatch, "--images", folder, "--output", output, *options)
    assert exit.value.code == 2
    *notes, line = capsys.readouterr().err.splitlines()
    assert message in line
    assert all("is left out" in note for note in notes)
    assert not output.exists()


def test_files_of_results_are_json(tmp_path: Path) -> None:
    """A metric that needs larger photographs than these has no number, and NaN is no JSON."""
    values = {"a": {"ms_ssim": None, "psnr": 30.0}, "b": {"ms_ssim": 0.5, "psnr": 32.0}}
    (score,) = scores([json.loads(json.dumps({"task": "jpeg", "network": "l1", "photographs": values}))])
    assert score.values == {"ms_ssim": None, "psnr": 31.0}
