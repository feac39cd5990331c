"""Scores of folders are those of the functions of sets, of features that one pass over the folders gives."""

import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np
import PIL.Image
import pytest

from jaxloss import InputError
from jaxloss.evaluate import SET_SCORES, save_statistics, score_sets, set_statistics
from jaxloss.sets import Statistics, density_coverage, frechet_score, kid, precision_recall
from tests.sets._small_inception import small_params, use_small_inception


PARAMS = small_params(np.random.default_rng(0))
OPTIONS: dict[str, Any] = dict(convention="adm", dimension=6, params=PARAMS, devices=1, batch=16)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    use_small_inception(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for name, darkest in (("real", 0), ("made", 0), ("light", 100)):
        Path(name).mkdir()
        for number in range(12):
            PIL.Image.fromarray(rng.integers(darkest, 256, (8, 8, 3), np.uint8)).save(f"{name}/{number}.png")


def test_scores() -> None:
    found = score_sets("real", ["made", "light"], metrics=list(SET_SCORES), subsets=4, subset_size=8, seed=3, **OPTIONS)
    y, *parts = set_statistics(["real", "made", "light"], keep_features=True, **OPTIONS)
    assert y.features is not None
    np.testing.assert_array_equal(found.reference.covariance, y.statistics.covariance)
    for one, part in zip(found.sets, parts, strict=True):
        x = part.features
        assert x is not None and one.images == 12
        expected = jax.jit(functools.partial(kid, subsets=4, subset_size=8))(jax.random.key(3), x, y.features)
        np.testing.assert_allclose([one.scores["kid"], one.scores["kid_deviation"]], expected, rtol=1e-4)
        assert one.scores["fid"] == frechet_score(part.statistics, y.statistics)
        assert one.scores["inception_score"] == part.inception_score
        for names, values in (
            (("precision", "recall"), jax.jit(lambda *z: precision_recall(*z))(x, y.features)),
            (("density", "coverage"), jax.jit(lambda *z: density_coverage(*z))(x, y.features)),
        ):
            np.testing.assert_allclose([one.scores[name] for name in names], values, rtol=1e-6)
    made, light = (part.scores for part in found.sets)
    assert light["kid"] > made["kid"] and light["fid"] > made["fid"]
    assert list(made) == [
        "fid",
        "inception_score",
        "kid",
        "kid_deviation",
        "precision",
        "recall",
        "density",
        "coverage",
    ]


def test_small_sets_and_files_of_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs no covariance takes sets of fewer images than dimensions; what needs features, no statistics alone."""
    for number in range(5, 12):
        Path(f"made/{number}.png").unlink()
    with pytest.raises(InputError, match=r"^made: has 5 images, and a covariance of 6 features needs more than 6\."):
        score_sets("real", ["made"], **OPTIONS)
    (part,) = score_sets("real", ["made"], metrics=["precision"], **OPTIONS).sets
    assert list(part.scores) == ["precision"]
    save_statistics("five.npz", Statistics(np.zeros(5), np.eye(5)))
    save_statistics("real.npz", Statistics(np.zeros(6), np.eye(6)))
    (part,) = score_sets("real.npz", ["light"], metrics=["inception_score"], **OPTIONS).sets
    assert list(part.scores) == ["inception_score"]
    monkeypatch.setattr("jaxloss.evaluate._set_scores.SPATIAL", 6)
    save_statistics("spatial.npz", Statistics(np.zeros(6), np.eye(6)), spatial=True)
    assert score_sets("spatial.npz", ["light"], **OPTIONS).sets[0].scores["fid"] > 0
    for reference, change, message in (
        ("five.npz", {}, "five.npz: no array mu_s"),
        ("real", {"metrics": ["kid"]}, "made: has 5 images, and a subset of kid 9. Take more, or smaller subsets"),
        ("real", {"metrics": ["density"]}, "made: has 5 images, and density needs 6 or more."),
        ("real.npz", {"metrics": ["fid", "kid", "recall"]}, "real.npz: holds no features, which kid and recall would"),
        ("real", {"metrics": ["fit"]}, "no metric of sets 'fit'. Did you mean 'fid'?"),
        ("real", {"metrics": []}, "no metric of sets is named. There are: fid, "),
        ("real", {"subset_size": 1}, "kid is of 1 subset or more with 2 images or more, not of 100 with 1."),
    ):
        with pytest.raises(InputError) as error:
            score_sets(reference, ["made"], **{**OPTIONS, "subset_size": 9, **change})
        assert str(error.value).startswith(message)
