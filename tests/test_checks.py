import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss._checks import blank, check_mask, check_pair, masked_pair, suggestion, take_options
from jaxloss.metrics._ssim import SSIMDefaults


def test_a_mask_takes_the_shape_and_dtype_of_the_images():
    image = jnp.zeros((2, 3, 4, 5, 1))
    whole = np.arange(20.0, dtype=np.float32).reshape(4, 5)
    for mask in (whole, np.broadcast_to(whole, (3, 4, 5)), jnp.asarray(whole, jnp.bfloat16)):
        result = check_mask("f", mask, image)
        assert result.dtype == image.dtype
        np.testing.assert_array_equal(result, np.broadcast_to(whole, (2, 3, 4, 5)))
    np.testing.assert_array_equal(check_mask("f", whole > 3, image), np.broadcast_to(whole > 3, (2, 3, 4, 5)))


def test_a_mask_of_every_image_stays_with_its_image():
    image, mask = jnp.zeros((2, 2, 2, 1)), np.arange(8.0, dtype=np.float32).reshape(2, 2, 2)
    np.testing.assert_array_equal(check_mask("f", mask, image), mask)


def test_blank_pixels_are_zero_whatever_they_were():
    image = jnp.array([[[1.0, 2.0], [jnp.nan, jnp.inf]]])
    np.testing.assert_array_equal(blank(image, jnp.array([[0.5, 0.0]])), [[[1, 2], [0, 0]]])


@pytest.mark.usefixtures("float64")
def test_a_pair_has_the_wider_dtype_and_half_precision_becomes_single():
    shape = (2, 2, 1)
    single, double, half = jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.float64), jnp.zeros(shape, jnp.float16)
    for x, y, dtype in ((half, half, np.float32), (single, double, np.float64), (double, half, np.float64)):
        assert [z.dtype for z in check_pair("f", x, y)] == [dtype] * 2
    assert {jnp.asarray(z).dtype for z in masked_pair("f", double, half, np.ones((2, 2)))} == {np.dtype(np.float64)}


def test_suggestions():
    assert suggestion("ssmi", ["psnr", "ssim"]) == "Did you mean 'ssim'?"
    assert suggestion("zzz", ["psnr", "ssim"]) == "There are: psnr, ssim."


def test_options_are_the_defaults_but_for_what_is_given():
    assert take_options("f", SSIMDefaults, {"window_size": 7}) == SSIMDefaults(window_size=7)
    with pytest.raises(
        TypeError, match=r"^f: expected options out of \['window', .*, got 'windw'. Did you mean 'window'\?$"
    ):
        take_options("f", SSIMDefaults, {"windw": "uniform"})
