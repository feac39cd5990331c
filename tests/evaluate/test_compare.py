"""The table of scores: the registry's functions on pairs, chosen by name, with what cannot be computed said."""

import dataclasses
import math

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss import InputError
from jaxloss._types import Params
from jaxloss.evaluate import _compare, choose_metrics, compare, shape_notes
from jaxloss.registry import METRICS


NAMES = [name for name, row in METRICS.items() if row.kind == "metric" and not row.variant]
SOME = ["mae", "psnr", "ssim", "ms_ssim", "gmsd", "lpips"]  # of several files and of one


def test_scores_are_those_of_the_functions(photograph: np.ndarray) -> None:
    reference, *images = photograph, photograph[::-1], np.sqrt(photograph)
    rows = compare(reference, images, metrics=SOME)
    assert [list(row) for row in rows] == [SOME, SOME]
    for row, image in zip(rows, images, strict=True):
        assert row["mae"] == pytest.approx(np.abs(image - reference).mean(), rel=1e-5)
        for function in (jaxloss.ssim, jaxloss.ms_ssim):
            expected = float(jax.jit(function)(image, reference, data_range=1.0))
            assert row[function.__name__] == pytest.approx(expected, rel=1e-5)


def test_equal_images_are_perfect(photograph: np.ndarray) -> None:
    (row,) = compare(photograph, [photograph], metrics=SOME)
    for name, score in row.items():
        assert score == pytest.approx(METRICS[name].perfect, abs=1e-6), name


def test_data_range(photographs: np.ndarray) -> None:
    x, y = photographs[:2]
    (unit,), (byte,) = (compare(s * y, [s * x], metrics=["psnr"], data_range=s) for s in (1.0, 255.0))
    assert byte["psnr"] == pytest.approx(unit["psnr"], rel=1e-5)


def test_chosen_in_the_order_given(photographs: np.ndarray) -> None:
    (row,) = compare(photographs[0], [photographs[1]], metrics=["rmse", "mae", "rmse"])
    assert list(row) == ["rmse", "mae"]


def test_losses_are_not_metrics() -> None:
    assert [row.name for row in choose_metrics()] == NAMES
    with pytest.raises(InputError, match="no metric 'ssim_loss'"):
        choose_metrics(["ssim_loss"])


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match=r"^no metric 'sim'\. Did you mean 'ssim'\?"):
        choose_metrics(["psnr", "sim"])


def test_name_like_no_other_gets_no_suggestion() -> None:
    with pytest.raises(InputError, match=r"^no metric 'zzz'\. There are: mae, mse, "):
        choose_metrics(["zzz"])


def test_choosing_none_is_an_error() -> None:
    with pytest.raises(InputError, match="no metric is chosen"):
        choose_metrics([])


@pytest.mark.parametrize("name", [name for name in NAMES if METRICS[name].smallest > 1])
def test_too_small(name: str, photograph: np.ndarray) -> None:
    """One pixel less than the least size of the registry is NaN with a note. That the least size will do is a law."""
    least = METRICS[name].smallest
    image = photograph[: least - 1, : least + 3]
    (row,) = compare(image, [image[:, ::-1]], metrics=[name])
    (note,) = shape_notes(choose_metrics([name]), image.shape)
    assert math.isnan(row[name]) and f"{name} is not computed: it needs {least} x {least} pixels" in note


def test_gray_images(photograph: np.ndarray) -> None:
    gray = photograph[:32, :40].mean(axis=-1, keepdims=True)
    (row,) = compare(gray, [gray[::-1]], metrics=["ssim", "ms_ssim", "gmsd", "lpips"])
    assert math.isfinite(row["ssim"]) and math.isnan(row["lpips"]) and math.isnan(row["ms_ssim"])
    assert all(math.isfinite(score) == (not METRICS[name].misfit(gray.shape)) for name, score in row.items())
    assert shape_notes(choose_metrics(["lpips"]), gray.shape) == ("lpips is not computed: it needs 3 channels, not 1.",)
    (both,) = shape_notes(choose_metrics(["lpips"]), (8, 9, 1))
    assert both == "lpips is not computed: it needs 31 x 31 pixels, not 9 x 8, and it needs 3 channels, not 1."


def weighted(x: jax.Array, y: jax.Array, *, params: Params, factor: float = 1.0) -> jax.Array:
    return factor * params["factor"] * abs(x - y).mean()


def test_variants_have_their_options_and_parameters(photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    factors = {"one": 2.0, "two": 3.0}
    monkeypatch.setattr(_compare, "load_params", lambda name: {"factor": factors[name]})
    plain = dataclasses.replace(METRICS["mae"], function=weighted, params="one")
    twice = dataclasses.replace(plain, params="two", variant="twice", options={"factor": 2.0})
    for row in (plain, twice):
        monkeypatch.setitem(METRICS, row.name, row)
    x, y = photograph[:8, :8], photograph[8:16, :8]
    (scores,) = compare(y, [x], metrics=["weighted_twice", "weighted"])
    difference = np.abs(x - y).mean()
    assert scores == pytest.approx({"weighted_twice": 6 * difference, "weighted": 2 * difference}, rel=1e-5)
    assert "weighted_twice" not in [row.name for row in choose_metrics()]


def test_one_trace_for_one_shape(photographs: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []

    def counted(x: jax.Array, y: jax.Array) -> jax.Array:
        traced.append(x.shape)
        return abs(x - y).mean()

    monkeypatch.setitem(METRICS, "counted", dataclasses.replace(METRICS["mae"], function=counted))
    for reference in photographs[:2]:
        rows = compare(reference, list(photographs), metrics=["counted"])
        assert [row["counted"] for row in rows] == pytest.approx(np.abs(photographs - reference).mean(axis=(1, 2, 3)))
    assert traced == [photographs.shape[1:]]


def test_batches_are_refused(photographs: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"compare: expected a reference of shape \[H, W, C\], got \(4, 176, 192, 3\)"):
        compare(photographs, [photographs])


def test_integer_images_are_refused() -> None:
    image = np.zeros((8, 8, 1), np.uint8)
    with pytest.raises(TypeError, match="to_float"):
        compare(image, [image], metrics=["mae"])
