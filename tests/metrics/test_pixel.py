import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


TRUTH = {
    "mae": lambda d, w: np.average(abs(d), weights=w),
    "mse": lambda d, w: np.average(d**2, weights=w),
    "rmse": lambda d, w: np.sqrt(np.average(d**2, weights=w)),
    "psnr": lambda d, w: 10 * np.log10(255.0**2 / np.average(d**2, weights=w)),
}


def call(name, x, y, **options):
    function = jax.jit(getattr(jaxloss, name))
    return function(x, y, **({"data_range": 255.0} if name == "psnr" else {}), **options)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", TRUTH)
def test_equals_the_formula(rng, name, masked):
    x, y = 255 * rng.random((2, 3, 7, 5, 2))
    mask = rng.random((3, 7, 5)) if masked else np.ones((3, 7, 5))
    expected = [TRUTH[name](d, np.repeat(w[..., None], 2, -1)) for d, w in zip(x - y, mask, strict=True)]
    options = {"mask": np.asarray(mask, np.float32)} if masked else {}
    np.testing.assert_allclose(
        call(name, np.asarray(x, np.float32), np.asarray(y, np.float32), **options), expected, rtol=2e-6
    )


def test_psnr_of_equal_images_is_infinite_and_its_gradient_zero(photograph):
    value, gradient = jax.jit(jax.value_and_grad(jaxloss.psnr))(photograph, photograph, data_range=1.0)
    assert value == jnp.inf
    np.testing.assert_array_equal(gradient, 0)


def test_psnr_gradient_is_the_formula(rng):
    x, y = np.asarray(rng.random((2, 6, 6, 3)), np.float32)
    gradient = jax.jit(jax.grad(jaxloss.psnr))(x, y, data_range=1.0)
    expected = -20 / np.log(10) * (x - y) / (x.size * ((x - y) ** 2).mean())
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)


def test_rmse_gradient_is_zero_for_equal_images():
    image = np.ones((4, 4, 1), np.float32)
    np.testing.assert_array_equal(jax.jit(jax.grad(jaxloss.rmse))(image, image), 0)


def test_the_mean_of_a_batch_is_that_of_its_images(rng):
    """Averaging errors first gives another PSNR: the commonest mistake with batches."""
    x, y = np.asarray(rng.random((2, 4, 8, 8, 3)), np.float32)
    y = x + (y - x) * np.asarray([0.1, 0.2, 0.5, 1.0], np.float32).reshape(4, 1, 1, 1)
    psnr = jax.jit(jaxloss.psnr)
    singles = [psnr(a, b, data_range=1.0) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(np.mean(psnr(x, y, data_range=1.0)), np.mean(singles), rtol=1e-6)
    assert abs(np.mean(singles) - 10 * np.log10(1 / ((x - y) ** 2).mean())) > 1
