"""BRISQUE: published values, and the authors' code in float64; what it shares with NIQE is tested here, too."""

import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.images import read_image
from jaxloss.metrics._natural_scenes import fit_asymmetric, fit_symmetric
from tests.metrics import _natural_scenes as truth


PARAMS = jaxloss.load_params("brisque")
brisque = jax.jit(jaxloss.brisque, static_argnames=("shape", "rounding"))


@pytest.mark.parametrize(("name", "expected"), [("goldhill.gif", 8.425548118925917), ("I01.BMP", 10.259409019043119)])
def test_values_of_matlab(name: str, expected: float, shared_data: Path) -> None:
    """In float64 and float32; goldhill is gray."""
    x = read_image(str(shared_data / "piq" / name)).pixels
    assert float(brisque(x, params=PARAMS, data_range=1.0)) == pytest.approx(expected, abs=1e-2)
    with jax.enable_x64(True):
        double = x.astype(np.float64)
        params = jax.tree.map(lambda z: np.asarray(z, np.float64), PARAMS)
        assert float(brisque(double, params=params, data_range=1.0)) == pytest.approx(expected, abs=1e-3)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("channels", [1, 3])
def test_equals_the_authors_code(channels: int, crop_photograph: Any, rng: np.random.Generator) -> None:
    """At even and odd sizes; interpolated and without rounding it is near."""
    y = crop_photograph(1, 33, 40)[0]
    x = np.rint(255 * np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1))[..., :channels]
    params = jax.tree.map(lambda z: np.asarray(z, np.float64), PARAMS)
    expected = truth.brisque(x, params)
    assert float(brisque(x, params=params, data_range=255.0)) == pytest.approx(expected, abs=1e-8)
    near = float(brisque(x, params=params, data_range=255.0, shape="smooth", rounding=False))
    assert 0 < abs(near - expected) < 1


def test_distortions_are_seen(photograph: np.ndarray, rng: np.random.Generator) -> None:
    noisy = np.clip(photograph + 0.1 * rng.standard_normal(photograph.shape, np.float32), 0, 1)
    blurred = np.asarray(
        jaxloss.ops.separable_filter(photograph, jaxloss.ops.gaussian_window(11, 2.0), border="reflect")
    )
    good, *bad = brisque(np.stack([photograph, noisy, blurred]), params=PARAMS, data_range=1.0)
    assert good < 40 < min(bad)


@pytest.mark.parametrize("how", ["table", "smooth"])
def test_fits_find_the_shape(how: str, rng: np.random.Generator) -> None:
    """Of a Gaussian, of a Laplacian, and of one whose sides differ; without values of a side its deviation is 0."""
    gaussian, laplacian = rng.standard_normal((400, 400)), rng.laplace(size=(400, 400))
    skewed = np.where(gaussian < 0, 2 * gaussian, gaussian) * 1.0
    values = np.stack([gaussian, laplacian, skewed, np.abs(gaussian), 0 * gaussian]).astype(np.float32)
    fit = jax.jit(functools.partial(fit_asymmetric, shape=how))(values)
    assert fit.shape[:2] == pytest.approx([2, 1], abs=0.03)
    assert fit.left == pytest.approx([1, 2**0.5, 2, 0, 0], rel=0.02)
    assert fit.right == pytest.approx([1, 2**0.5, 1, 1, 0], rel=0.02)
    shape, variance = jax.jit(functools.partial(fit_symmetric, shape=how))(values)
    assert shape[:2] == pytest.approx([2, 1], abs=0.03) and variance[:2] == pytest.approx([1, 2], rel=0.02)
    on_grid = np.abs(1000 * np.asarray(fit.shape) - np.rint(1000 * np.asarray(fit.shape))).max() < 2e-3
    assert on_grid == (how == "table")


def test_gradient_of_the_table_is_that_of_its_interpolation(crop_photograph: Any) -> None:
    x = crop_photograph(1, 20, 24)[0]

    def gradient(**options: Any) -> jax.Array:
        return jax.grad(lambda x: jaxloss.brisque(x, params=PARAMS, data_range=1.0, **options))(jnp.asarray(x))

    table, smooth = jax.jit(lambda: (gradient(rounding=False), gradient(rounding=False, shape="smooth")))()
    assert jnp.linalg.norm(table - smooth) < 0.05 * jnp.linalg.norm(smooth)
    assert float(jnp.linalg.norm(smooth)) > 0


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "shape": ({"shape": "exact"}, r"shape one of \['smooth', 'table'\], got 'exact'"),
    "params": ({"params": {"vectors": 0}}, r"params with \['vectors', .*load_params\('brisque'\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options(case: str) -> None:
    change, words = BAD[case]
    options: dict[str, Any] = {"params": PARAMS, "data_range": 1.0, **change}
    with pytest.raises(ValueError, match=f"^brisque: expected {words}"):
        jax.eval_shape(lambda x: jaxloss.brisque(x, **options), np.ones((20, 20, 3), np.float32))
