"""The check of the gradients passes on what is right and fails on what is slightly wrong."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.evaluate import GradientCheck, _gradcheck as gradcheck, check_gradients, gradient_pair
from jaxloss.images import ImageFile


def image_file(name: str, pixels: np.ndarray) -> ImageFile:
    return ImageFile(name, pixels, ())


TWO_SIGMAS = {"sigmas": (0.5, 1.5), "window_size": 7}
TWO_SCALES = {"weights": (0.5, 0.5), "window_size": 7}


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores and closed forms with fewer and smaller windows, which compile sooner and fit into small images."""
    for name, options in {"multi_sigma_ssim": TWO_SIGMAS, "ms_ssim": TWO_SCALES}.items():
        row = gradcheck.METRICS[name]
        score = functools.partial(row.function, **options)
        monkeypatch.setitem(gradcheck.METRICS, name, dataclasses.replace(row, function=score, smallest=13))
        closed_form = functools.partial(gradcheck.CLOSED_FORMS[name], **options)
        monkeypatch.setitem(gradcheck.CLOSED_FORMS, name, closed_form)


@pytest.mark.usefixtures("small_windows")
def test_all_ways_agree_on_a_pair(crop_photograph: Callable[[int, int, int], np.ndarray]) -> None:
    y, x = crop_photograph(2, 24, 25)
    checks = check_gradients(x, y)
    metrics = ("ssim", "multi_sigma_ssim", "ms_ssim")
    assert [check[:2] for check in checks] == [(name, dtype) for name in metrics for dtype in ("float64", "float32")]
    for check in checks:
        ways = {"forward", "closed form", "finite differences" if check.dtype == "float64" else "reverse"}
        assert set(check.errors) == ways
        assert check.failures == ()
        assert max(check.errors.values()) > 0


def test_equal_images_have_no_slope_and_pass(photograph: np.ndarray) -> None:
    image = photograph[100:124, 100:125]
    assert all(check.failures == () for check in check_gradients(image, image))


@pytest.mark.parametrize("factor", [1 + 1e-9, np.nan])
def test_wrong_closed_form_is_found_in_double_precision(
    factor: float, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = gradcheck.CLOSED_FORMS["ssim"]

    def wrong(x: jax.Array, y: jax.Array, *, data_range: float) -> jax.Array:
        return factor * right(x, y, data_range=data_range)

    monkeypatch.setattr(gradcheck, "CLOSED_FORMS", {"ssim": wrong})
    image = photograph[100:124, 100:125]
    double, single = check_gradients(0.9 * image, image)
    assert double.failures == ("closed form",)
    assert single.failures == (("closed form",) if np.isnan(factor) else ())


def test_wrong_autodiff_is_found(photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """A score whose reverse mode misses a part, as a careless `stop_gradient` would make it."""
    right = gradcheck.METRICS["ssim"].function

    def wrong(x: jax.Array, y: jax.Array, *, data_range: float) -> jax.Array:
        score = right(x, y, data_range=data_range)
        return score + 1e-3 * (jax.lax.stop_gradient(score) - score)

    row = gradcheck.METRICS["ssim"].__class__(**{**vars(gradcheck.METRICS["ssim"]), "function": wrong})
    monkeypatch.setattr(gradcheck, "METRICS", {"ssim": row})
    monkeypatch.setattr(gradcheck, "CLOSED_FORMS", {"ssim": gradcheck.CLOSED_FORMS["ssim"]})
    image = photograph[100:124, 100:125]
    double, _ = check_gradients(0.9 * image, image)
    assert double.failures == ("closed form", "finite differences")


def test_failures() -> None:
    errors = {"forward": 1e-9, "closed form": 0.0, "finite differences": np.nan}
    assert GradientCheck("ssim", "float64", errors).failures == ("forward", "finite differences")


def test_images_are_checked(photographs: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"check_gradients: expected images \[H, W, C\].*, got \(4, 176, 192, 3\)"):
        check_gradients(photographs, photographs)
    with pytest.raises(ValueError, match=r"check_gradients: expected images .*, got \(10, 192, 3\)"):
        check_gradients(photographs[0, :10], photographs[0, :10])
    with pytest.raises(ValueError, match="check_gradients: expected x and y of equal shape"):
        check_gradients(photographs[0], photographs[0, 1:])
    with pytest.raises(TypeError, match="to_float"):
        check_gradients(photographs[0] > 0.5, photographs[0])


def test_no_image_means_the_sample(photograph: np.ndarray) -> None:
    x, y, notes = gradient_pair([])
    np.testing.assert_array_equal(y, photograph)
    assert 0.01 < np.abs(x - y).mean() < 0.2
    assert notes == ()


def test_one_image_is_checked_against_a_noisy_copy(photographs: np.ndarray) -> None:
    x, y, _ = gradient_pair([image_file("y.png", photographs[0])])
    np.testing.assert_array_equal(y, photographs[0])
    assert 0.01 < np.abs(x - y).mean() < 0.2


def test_two_images_are_image_and_reference(photographs: np.ndarray) -> None:
    x, y, _ = gradient_pair([image_file("x.png", photographs[0]), image_file("y.png", photographs[1])])
    np.testing.assert_array_equal(x, photographs[0])
    np.testing.assert_array_equal(y, photographs[1])


def test_large_images_are_cropped_to_their_center(photograph: np.ndarray) -> None:
    large = np.tile(photograph, (2, 3, 1))
    x, y, notes = gradient_pair([image_file("x.png", 1 - large), image_file("y.png", large)])
    np.testing.assert_array_equal(y, large[128:384, 256:512])
    np.testing.assert_array_equal(x, 1 - y)
    assert notes == ("the central 256 x 256 pixels of 768 x 512 are checked.",)


def test_small_images_leave_metrics_out_and_say_so(photograph: np.ndarray) -> None:
    _, _, notes = gradient_pair([image_file("y.png", photograph[:40, :100])])
    assert notes == ("ms_ssim is not computed: it needs 161 x 161 pixels, not 100 x 40.",)


def test_too_small_for_all(photograph: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected images of at least 11 x 11 pixels, got 100 x 10"):
        gradient_pair([image_file("y.png", photograph[:10, :100])])


def test_three_images(photographs: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected at most 2 images, got 3"):
        gradient_pair([image_file("y.png", image) for image in photographs[:3]])


def test_pair_of_different_sizes(photographs: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"x\.png is 192 x 175 and y\.png is 192 x 176 pixels"):
        gradient_pair([image_file("x.png", photographs[0, 1:]), image_file("y.png", photographs[1])])
