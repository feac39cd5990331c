"""Distances by many metrics at once: those of the functions, over all devices, in one program for a shape."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxloss import InputError
from jaxloss._types import Params
from jaxloss.evaluate import _distances, choose_metrics, metrics_at_hand
from jaxloss.evaluate._distances import Scorer, check_versus
from jaxloss.registry import METRICS


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    return rng.random((3, 16, 8, 8, 3), np.float32)


def test_distances_are_lower_for_nearer_images_and_come_from_all_devices(
    images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced = []

    def weighted(x: jax.Array, y: jax.Array, *, params: Params) -> jax.Array:
        traced.append(x.shape)
        return params["factor"] * (x - y).mean(axis=(-3, -2, -1))

    row = dataclasses.replace(METRICS["mae"], function=weighted, params="factors", symmetric=False)
    monkeypatch.setattr(_distances, "load_params", lambda name: {"factor": np.float32(3)})
    scorer = Scorer([*choose_metrics(["mse", "psnr", "ssim"]), row])
    sizes = {scorer.batch_of((side, side, 3), 100) for side in (8, 256, 4096)}
    assert sizes == {104, 32, 8}
    fitting, notes = scorer.fitting((8, 8, 3))
    assert [row.name for row in fitting] == ["mse", "psnr", "weighted"]
    assert notes == ("ssim is not computed: it needs 11 x 11 pixels, not 8 x 8.",)
    first, second, reference = images
    found = list(scorer.distances([([first, second], reference)] * 3, fitting))
    assert len(found) == 3 and traced == [(16, 8, 8, 3)]
    assert {len(shard.sharding.device_set) for shard in jax.tree.leaves(scorer._params)} == {8}
    mse = np.stack([((image - reference) ** 2).mean(axis=(1, 2, 3)) for image in (first, second)])
    for distances in found:
        np.testing.assert_allclose(distances["mse"], mse, rtol=1e-5)
        np.testing.assert_allclose(distances["psnr"], 10 * np.log10(mse), rtol=1e-5)
        signed = np.stack([(image - reference).mean(axis=(1, 2, 3)) for image in (first, second)])
        np.testing.assert_allclose(distances["weighted"], 3 * signed, atol=1e-6)


def test_no_metric_fits() -> None:
    with pytest.raises(InputError, match=r"no metric can be computed of images of this size: ssim is not computed: it"):
        Scorer(choose_metrics(["ssim"])).fitting((8, 8, 3))
    assert list(Scorer(choose_metrics(["mse"])).distances([], choose_metrics(["mse"]))) == []


def test_metrics_whose_weights_are_not_here_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_distances, "is_at_hand", lambda name: name != "lpips-squeeze")
    chosen, notes = metrics_at_hand(None)
    names = [name for name, row in METRICS.items() if row.kind == "metric"]
    assert [row.name for row in chosen] == [name for name in names if name != "lpips_squeeze"]
    assert notes == [
        "lpips_squeeze is left out: its weights are not here. Fetch them: jaxloss weights fetch lpips-squeeze."
    ]
    chosen, notes = metrics_at_hand(["lpips_squeeze"])
    assert [row.name for row in chosen] == ["lpips_squeeze"] and notes == []


def test_what_others_are_tested_against_is_scored() -> None:
    check_versus(None, ())
    check_versus("mse", choose_metrics(["mse"]))
    with pytest.raises(InputError, match=r"^there is no 'msee' to test against\. Did you mean 'mse'\?$"):
        check_versus("msee", choose_metrics(["mse"]))
