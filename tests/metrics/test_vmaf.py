import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from tests.reference import vmaf_numpy as truth


PARAMS = jaxloss.load_params("vmaf")
DOUBLE = jax.tree.map(lambda z: np.asarray(z, np.float64), PARAMS)


@functools.partial(jax.jit, static_argnames=("yuv", "gain_limit"))
def scores(x: Any, y: Any, params: Any, *, yuv: bool = True, gain_limit: float = 100.0) -> Any:
    options = {"data_range": 255.0, "yuv": yuv, "gain_limit": gain_limit}
    vmaf = functools.partial(jaxloss.vmaf, x, y, params=params, **options)
    features = jnp.stack(jaxloss.vmaf_features(x, y, **options), axis=-1)
    return features, vmaf(clip=False), vmaf(), vmaf(transform=True)


@pytest.mark.parametrize(("height", "width", "gain_limit"), [(35, 60, 100.0), (33, 182, 1.0)])
def test_equals_libvmaf_in_float64(
    height: int, width: int, gain_limit: float, crop_photograph: Any, rng: np.random.Generator
) -> None:
    """With parts that are flat, faint, enhanced, inverted and full of noise, at odd sizes, within borders and not."""
    y = 255 * crop_photograph(2, height, width)[..., :1].astype(np.float64)
    y[:, : height // 3, : width // 4] = 100
    y[:, height // 2 :, : width // 4] = 100 + 0.02 * y[:, height // 2 :, : width // 4]
    x = y + np.array((3, 25)).reshape(2, 1, 1, 1) * rng.standard_normal(y.shape)
    x[:, :, width // 2 :] = 1.5 * y[:, :, width // 2 :] - 64
    x[0, height // 2 :, -width // 4 :] = 255 - y[0, height // 2 :, -width // 4 :]
    with jax.enable_x64(True):
        features, free, clipped, phone = scores(x, y, DOUBLE, gain_limit=gain_limit)
    expected = np.stack([truth.features(a[..., 0], b[..., 0], gain_limit) for a, b in zip(x, y, strict=True)])
    np.testing.assert_allclose(features, expected, rtol=1e-9)
    for score, options in ((clipped, {}), (phone, {"transform": True})):
        np.testing.assert_allclose(score, [truth.score(row, DOUBLE, **options) for row in expected], rtol=1e-8)
    np.testing.assert_allclose(np.clip(free, 0, 100), clipped, rtol=1e-12)


def test_keeps_the_digits_of_float32(crop_photograph: Any, rng: np.random.Generator) -> None:
    """Of the support vectors, whose coefficients are 80 times what is left of their sum."""
    y = (255 * crop_photograph(1, 64, 70)).astype(np.float32)
    x = y + 10 * rng.standard_normal(y.shape, np.float32)
    features, _, single, _ = scores(x, y, PARAMS, yuv=False)
    np.testing.assert_allclose(single, [truth.score(np.asarray(features[0], np.float64), DOUBLE)], atol=1e-3)
    luma = [16 + 219 / 255 * (z[0] @ np.array((0.299, 0.587, 0.114))) for z in (x, y)]
    np.testing.assert_allclose(features[0], truth.features(*luma), atol=1e-5)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "scales": ({"scales": 5}, "scales from 1 to 4, got 5"),
    "gain": ({"gain_limit": 0.5}, "gain_limit >= 1, got 0.5"),
    "params": ({"params": {"vectors": 0}}, r"params with \['vectors', .*load_params\('vmaf'\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options(case: str) -> None:
    change, words = BAD[case]
    options: dict[str, Any] = {"params": PARAMS, "data_range": 1.0, **change}
    with pytest.raises(ValueError, match=f"^vmaf: expected {words}"):
        jax.eval_shape(lambda x: jaxloss.vmaf(x, x, **options), np.ones((32, 32, 3), np.float32))
