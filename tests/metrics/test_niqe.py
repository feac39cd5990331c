"""NIQE: the authors' code in float64, blocks that do not count, and options."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss.images import read_image
from tests.metrics import _natural_scenes as truth


PARAMS = jaxloss.load_params("niqe")
niqe = jax.jit(jaxloss.niqe, static_argnames=("shape", "rounding", "block_size"))


@pytest.mark.full
@pytest.mark.parametrize(("name", "expected"), [("I01.BMP", 3.0097345), ("i01_01_5.bmp", 9.4758029)])
def test_values(name: str, expected: float, shared_data: Path) -> None:
    """Of `tests/metrics/_natural_scenes.py`."""
    x = read_image(str(shared_data / "piq" / name)).pixels
    assert float(niqe(x, params=PARAMS, data_range=1.0)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("channels", [1, 3])
def test_equals_the_authors_code(channels: int, crop_photograph: Any, rng: np.random.Generator) -> None:
    """Of blocks of a size that fits; what remains beside and below them is left out."""
    y = crop_photograph(1, 52, 59)[0]
    x = np.rint(255 * np.clip(y + 0.1 * rng.standard_normal(y.shape), 0, 1))[..., :channels]
    params = jax.tree.map(lambda z: np.asarray(z, np.float64), PARAMS)
    expected = truth.niqe(x, params, 24)
    assert float(niqe(x, params=params, data_range=255.0, block_size=24)) == pytest.approx(expected, rel=1e-8)
    near = float(niqe(x, params=params, data_range=255.0, block_size=24, shape="smooth", rounding=False))
    assert 0 < abs(near / expected - 1) < 0.05


def test_flat_blocks_do_not_count(crop_photograph: Any) -> None:
    """One pixel beyond: contrast is normalized with what is around. And without any block there is no score."""
    x = crop_photograph(1, 48, 48)[0]
    flat = np.concatenate([x, np.repeat(x[-1:], 48, axis=0) * 0 + 0.5])
    ragged = np.concatenate([x, np.repeat(x[-1:], 12, axis=0) * 0 + 0.5])
    both = [float(niqe(z, params=PARAMS, data_range=1.0, block_size=24)) for z in (flat, ragged)]
    assert both[0] == pytest.approx(both[1], rel=0.3) and np.isfinite(both).all()
    assert np.isnan(niqe(np.full_like(flat, 0.5), params=PARAMS, data_range=1.0, block_size=24))


def test_one_block_has_no_covariance(crop_photograph: Any) -> None:
    x = crop_photograph(1, 24, 40)[0]
    z = truth.gray(np.rint(255 * x)[:, :24])
    halves = truth.halve(z)
    features = np.concatenate([truth.block_features(truth.normalize(part, "edge")) for part in (z, halves)])
    difference = np.asarray(PARAMS["mean"], np.float64) - features
    expected = np.sqrt(difference @ np.linalg.inv(np.asarray(PARAMS["covariance"], np.float64) / 2) @ difference)
    assert float(niqe(x, params=PARAMS, data_range=1.0, block_size=24)) == pytest.approx(expected, rel=1e-3)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "odd": ({"block_size": 95}, r"an even block_size >= 2, got 95\. The published parameters"),
    "shape": ({"shape": "exact"}, "shape one of"),
    "params": ({"params": {}}, "params with 'mean' and 'covariance'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options(case: str) -> None:
    change, words = BAD[case]
    options: dict[str, Any] = {"params": PARAMS, "data_range": 1.0, **change}
    with pytest.raises(ValueError, match=f"^niqe: expected {words}"):
        jax.eval_shape(lambda x: jaxloss.niqe(x, **options), np.ones((96, 96, 3), np.float32))
