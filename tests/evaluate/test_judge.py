"""Scores of metrics are those of their distances, with intervals, means, a test, and people beside them."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.datasets import TrialSet, find_trials, write_choices, write_comparisons
from jaxloss.evaluate import judge
from jaxloss.evaluate._judge import best_of
from jaxloss.judgments import Choices, Comparisons, Interval, human_ceiling, jnd_score, paired_test, two_afc_score
from jaxloss.registry import METRICS


COUNT, SIDE = 20, 8


@pytest.fixture
def sets(tmp_path: Path, rng: np.random.Generator) -> list[TrialSet]:
    """Two of choices and one of comparisons, of random images and judgments, of 8 bits so that files keep them."""
    for name in ("2afc/val/a", "2afc/val/b", "jnd/val/a"):
        reference, first, second = images = rng.integers(0, 256, (3, COUNT, SIDE, SIDE, 3)).astype(np.float32) / 255
        said = (rng.integers(0, 5, COUNT) / 4).astype(np.float32)
        ones = np.ones(COUNT)
        if name.startswith("2afc"):
            write_choices(tmp_path / name, Choices(reference, first, second, said, ones))
        else:
            write_comparisons(tmp_path / name, Comparisons(reference, first, said, ones))
        np.savez(tmp_path / f"{name.replace('/', '-')}.npz", images=images, said=said.astype(np.float64))
    return find_trials(tmp_path)


def distances(folder: Path, name: str) -> Any:
    """MSE and MAE in NumPy, `[2, n]` of choices and `[1, n]` of comparisons; and the judgments."""
    with np.load(folder / f"{name.replace('/', '-')}.npz") as kept:
        images, said = kept["images"], kept["said"]
    pairs = images[1:] - images[:1] if name.startswith("2afc") else images[1:2] - images[:1]
    return (pairs**2).mean(axis=(2, 3, 4)), np.abs(pairs).mean(axis=(2, 3, 4)), said


def test_scores_are_those_of_the_distances(sets: list[TrialSet], tmp_path: Path) -> None:
    said = []
    verdicts, notes = judge(
        sets, metrics=["mse", "psnr", "mae", "ssim"], side=None, versus="mse", resamples=100, report=said.append
    )
    assert notes == ["ssim is not computed: it needs 11 x 11 pixels, not 8 x 8."]
    assert "2afc/val/b: 20 of 20" in said and said[-1] == "jnd/val/a: intervals"
    assert [(verdict.name, verdict.kind, verdict.trials) for verdict in verdicts] == [
        ("2afc/val/a", "2afc", COUNT),
        ("2afc/val/b", "2afc", COUNT),
        ("jnd/val/a", "jnd", COUNT),
        ("mean of 2afc", "2afc", 2 * COUNT),
    ]
    for verdict in verdicts[:3]:
        mse, mae, judgments = distances(tmp_path, verdict.name)
        score: Any = two_afc_score if verdict.kind == "2afc" else jnd_score
        assert list(verdict.scores) == ["mse", "psnr", "mae"]
        for name, found in (("mse", mse), ("psnr", mse), ("mae", mae)):  # PSNR orders as MSE does
            interval = verdict.scores[name]
            assert interval.value == pytest.approx(score(*found, judgments), abs=1e-6)
            assert 0 < interval.low < interval.value < interval.high < 1
        assert list(verdict.tests) == ["psnr", "mae"] and verdict.tests["psnr"].difference == (0, 0, 0)
        expected = paired_test(score, tuple(mae), tuple(mse), judgments, resamples=100)
        assert verdict.tests["mae"].difference.value == pytest.approx(expected.difference.value, abs=1e-6)
        assert verdict.tests["mae"].p_value == pytest.approx(expected.p_value, abs=0.02)
        if verdict.kind == "2afc":
            assert verdict.chance == 0.5 and verdict.ceiling is not None
            assert verdict.ceiling.value == pytest.approx(human_ceiling(judgments))
        else:
            assert verdict.chance == pytest.approx(judgments.mean()) and verdict.ceiling is None
    first, second, _, mean = verdicts
    for one, other, both in (
        (first.scores["mae"], second.scores["mae"], mean.scores["mae"]),
        (first.ceiling, second.ceiling, mean.ceiling),
    ):
        assert isinstance(one, Interval) and isinstance(other, Interval) and isinstance(both, Interval)
        assert both.value == pytest.approx((one.value + other.value) / 2)
        assert both.value - both.low == pytest.approx(np.hypot(one.value - one.low, other.value - other.low) / 2)
    assert set(best_of(verdicts[0])) in ({"mae"}, {"mse", "psnr"}, {"mae", "mse", "psnr"})


def test_limit_takes_trials_that_are_evenly_spaced(sets: list[TrialSet], tmp_path: Path) -> None:
    (verdict,), _ = judge(sets[:1], metrics=["mse"], side=None, limit=5, resamples=50)
    mse, _, said = distances(tmp_path, "2afc/val/a")
    kept = np.linspace(0, COUNT - 1, 5).astype(int)
    assert verdict.trials == 5
    assert verdict.scores["mse"].value == pytest.approx(two_afc_score(mse[0, kept], mse[1, kept], said[kept]), abs=1e-6)


def test_what_cannot_be_judged(sets: list[TrialSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"metrics": ["mse"], "side": None, "resamples": 50}
    with pytest.raises(InputError, match=r"^2afc/val/a: there are fewer than 3 trials, of which nothing"):
        judge(sets, limit=2, **options)
    with pytest.raises(InputError, match=r"there is no 'ssim' to test against"):
        judge(sets, versus="ssim", **options)
    unlike = dataclasses.replace(sets[2], judgments=np.zeros(COUNT))
    with pytest.raises(InputError, match=r"^jnd/val/a: nobody found any two images the same, so that"):
        judge([unlike], **options)

    def broken(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.full(x.shape[:1], jnp.nan) + (x - y).mean(axis=(1, 2, 3))

    row = dataclasses.replace(METRICS["mse"], function=broken)
    path = sets[0].images["second"][0]
    with pytest.raises(InputError, match=rf"^broken is not a number for {path}: something is wrong"):
        judge(sets, **{**options, "metrics": [row]})
