"""Restoration: exact degradations, crops that belong together, a training that can be stopped, results on the page."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import report, restoration
from benchmarks._photographs import Photograph, Stack
from benchmarks._restoration_summary import better, newest, ordering, rows, scores
from benchmarks._restoration_tasks import (
    TASKS,
    bayer_sites,
    interpolate_bayer,
    jpeg,
    low_resolution,
    random_pairs,
    stack_pairs,
)
from benchmarks._restoration_training import LOSSES, Probe, Size, State, restore, start, train
from benchmarks._results import Run, read_file
from benchmarks._training import Progress, load, save
from jaxloss.evaluate import compare


TINY = Size(width=4, residual=True, crop=36, batch=2, steps=8, learning_rate=2e-3, chunk=2)
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def pixels(photograph: np.ndarray) -> np.ndarray:
    return np.rint(255 * photograph[:64, :80]).astype(np.uint8)


@pytest.fixture(scope="module")
def photos(pixels: np.ndarray) -> list[Photograph]:
    """Of two sizes."""
    return [Photograph("a", pixels), Photograph("b", pixels[:48, :64])]


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
    pairs = stack_pairs(photos, TASKS[task])
    degraded, original = random_pairs(KEY, pairs, TASKS[task], 16, 40)
    assert degraded.shape == original.shape == (16, 40, 40, 3)
    whole = {photo.name: np.stack([photo.pixels, TASKS[task].once(photo.pixels)]) for photo in photos}
    seen = set()
    for pair in np.rint(255 * np.stack([original, degraded], axis=1)).astype(np.uint8):
        turned = [np.rot90(side, turns, (1, 2)) for side in (pair, pair.swapaxes(1, 2)) for turns in range(4)]
        places = [
            (name, i, j)
            for name, both in whole.items()
            for i in range(both.shape[1] - 39)
            for j in range(both.shape[2] - 39)
            for upright in turned
            if (both[:, i, j] == upright[:, 0, 0]).all() and (both[:, i : i + 40, j : j + 40] == upright).all()
        ]
        assert places
        seen.update(places)
    assert {name for name, *_ in seen} == {"a", "b"}
    assert len({(i, j) for _, i, j in seen}) > 10


def training_of(
    photos: list[Photograph], task: str, loss: str, size: Size = TINY
) -> tuple[Progress[State], Stack, Probe, dict[str, Any]]:
    probe = Probe(TASKS[task].degrade(KEY, photos[0].pixels), jnp.asarray(photos[0].pixels / 255, jnp.float32))
    return start(size, KEY), stack_pairs(photos, TASKS[task]), probe, {"task": task, "loss": loss, "size": size}


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
    """Those of a plain network, which starts far from its goal; the residual one starts as the identity."""
    size = TINY._replace(residual=False, steps=40, chunk=16, width=8, learning_rate=5e-3)
    progress, stacked, probe, what = training_of(photos, "demosaicking", loss, size)
    *_, after = train(progress, KEY, stacked, probe, **what)
    assert [int(step) for step, _, _ in after.curve] == [16, 32, 40]
    before, output = (
        restore(state.params, probe.degraded, size=size) for state in (start(size, KEY).state, after.state)
    )
    share = 0.5 if loss in ("l1", "l2") else 0.9
    assert LOSSES[loss](output, probe.original) < share * LOSSES[loss](before, probe.original)


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


def test_files_of_results_are_json(tmp_path: Path) -> None:
    """A metric that needs larger photographs than these has no number, and NaN is no JSON."""
    values = {"a": {"ms_ssim": None, "psnr": 30.0}, "b": {"ms_ssim": 0.5, "psnr": 32.0}}
    (score,) = scores([json.loads(json.dumps({"task": "jpeg", "network": "l1", "photographs": values}))])
    assert score.values == {"ms_ssim": None, "psnr": 31.0}
