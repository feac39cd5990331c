"""Compiled programs of metrics: found again in this process and by the next one, never where they may have changed."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxloss.evaluate import _programs
from jaxloss.registry import METRICS, Metric
from jaxloss.weights._load import load_params


ROWS = (METRICS["mae"], METRICS["psnr"], METRICS["ssim"])  # of two files


@pytest.fixture
def images() -> list[jax.Array]:
    return jax.device_put(list(np.random.default_rng(0).random((2, 16, 17, 3), np.float32)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A process that has compiled nothing yet, told to keep programs in a new folder."""
    monkeypatch.setattr(_programs, "_PROGRAMS", {})
    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    yield tmp_path / _programs.FOLDER
    jax.config.update("jax_compilation_cache_dir", before)


def score(images: list[jax.Array], rows: tuple[Metric, ...] = ROWS, data_range: float = 1.0) -> dict[str, float]:
    x, y = images
    return jax.device_get(_programs.score_pair(x, y, data_range, load_params, fitting=rows))


def never(*_: object) -> None:
    raise AssertionError("compiled once more")


def test_programs_of_each_file_are_found_again(
    images: list[jax.Array], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = images
    expected = jax.device_get(_programs.score_by_all(x, y, 1.0, {}, fitting=ROWS))
    assert score(images) == expected
    assert len(list(folder.iterdir())) == 2
    monkeypatch.setattr(_programs._score_family, "trace", never)
    assert score(images) == expected
    assert score(images, data_range=2.0)["psnr"] == pytest.approx(expected["psnr"] + 20 * np.log10(2), rel=1e-6)
    _programs._PROGRAMS.clear()  # as in the next process
    assert score(images) == expected


def test_jax_keeps_none_of_them(images: list[jax.Array], folder: Path) -> None:
    """From there they come back unable to be written again."""
    before = dict(jax.config.values)
    score(images)
    assert [path.name for path in folder.parent.iterdir() if "family" in path.name] == []
    assert jax.config.values == before


def test_damaged_file_is_replaced(images: list[jax.Array], folder: Path) -> None:
    expected = score(images, ROWS[2:])
    (path,) = folder.iterdir()
    kept = path.stat().st_size
    path.write_bytes(b"damaged")
    _programs._PROGRAMS.clear()
    assert score(images, ROWS[2:]) == expected
    assert path.stat().st_size == pytest.approx(kept, rel=0.01)


def test_what_a_program_depends_on(images: list[jax.Array], monkeypatch: pytest.MonkeyPatch) -> None:
    def key(*rows: Metric, images: list[jax.Array] = images) -> str:
        return _programs._key(rows, (*images, 1.0, {}))

    keys = [key(ROWS[0]), key(ROWS[1]), key(*ROWS), key(ROWS[0], images=[image[1:] for image in images])]
    keys += [key(dataclasses.replace(ROWS[2], options={"window_size": size})) for size in (5, 7)]
    monkeypatch.setattr(_programs, "_installation", lambda: "another")
    keys.append(key(ROWS[0]))
    assert len(set(keys)) == len(keys)


def test_work_counts_operations_once_and_what_they_compute_each_time() -> None:
    """In the functions that are called, and in loops."""

    @jax.jit
    def halve(x: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda z, _: (0.5 * z, None), x + 1, length=5)[0]

    program = jax.make_jaxpr(lambda x: halve(x).sum())(np.zeros((3, 4), np.float32))
    assert _programs._work(program.jaxpr) == (3, 12 + 5 * 12 + 1)


def test_functions_of_others_are_not_kept(images: list[jax.Array], folder: Path) -> None:
    """They may have changed the next time."""
    first, second = (dataclasses.replace(ROWS[0], function=scale(by), label="own") for by in (1.0, 2.0))
    assert score(images, (second,))["own"] == pytest.approx(2 * score(images, (first,))["own"])
    assert not folder.exists()


def scale(by: float):
    return lambda x, y: by * abs(x - y).mean()


def test_what_was_not_used_for_longest_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_programs, "LARGEST", 10)
    for age, name in enumerate("abcd"):
        (tmp_path / name).write_bytes(b"1234")
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    _programs._drop_oldest(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_folder_that_cannot_be_written_to_is_no_trouble(images: list[jax.Array], folder: Path) -> None:
    folder.write_text("a file")
    assert score(images, ROWS[:1])["mae"] > 0
