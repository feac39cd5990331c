"""DISTS: its published values, its formula in float64, and what becomes of textures; contract tests have its laws."""

import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxloss
from jaxloss.backbones._features import BACKBONES
from jaxloss.perceptual._dists import LAYERS, NET
from tests.backbones._reference import activations
from tests.networks import thinned, through_thin_networks, tiny_params


PARAMS = tiny_params("dists")
dists = jax.jit(through_thin_networks(jaxloss.dists), static_argnames=("short_side", "dtype"))
full = jax.jit(functools.partial(jaxloss.dists, data_range=1.0))


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float32) / 255


def test_value_in_the_authors_code(shared_data: Path) -> None:
    y, x = (read(shared_data / "dists" / f"r{i}.png") for i in range(2))
    assert full(x, y, params=jaxloss.load_params("dists")) == pytest.approx(0.3347, abs=5e-5)


@pytest.mark.full
@pytest.mark.parametrize(
    ("names", "expected"), [(("goldhill_jpeg.gif", "goldhill.gif"), 0.19509), (("i01_01_5.bmp", "I01.BMP"), 0.17321)]
)
def test_values_of_piq(names: tuple[str, str], expected: float, shared_data: Path) -> None:
    """Which reduces images to 256 pixels without antialiasing, whatever the rounding of the longer side."""
    images = [read(shared_data / "piq" / name) for name in names]
    scale = 256 / min(images[0].shape[:2])
    shape = [int(side * scale) for side in images[0].shape[:2]]
    reduce = functools.partial(jax.image.scale_and_translate, spatial_dims=(0, 1), method="linear", antialias=False)
    x, y = (
        reduce(z, shape=(*shape, 3), scale=jnp.full(2, scale, jnp.float32), translation=jnp.zeros(2)) for z in images
    )
    assert full(x, y, params=jaxloss.load_params("dists")) == pytest.approx(expected, abs=5e-5)


def formula(x: np.ndarray, y: np.ndarray, params: Any) -> float:
    """One minus the weighted similarities of the paper, in float64."""
    params = jax.tree.map(np.float64, params)
    offset, scale = params["preprocessing"]["offset"], params["preprocessing"]["scale"]
    seen = []
    for image in (np.float64(x), np.float64(y)):
        features = activations(thinned(BACKBONES[NET], LAYERS), params["trunk"], (image - offset) / scale)
        seen.append({"image": image, **{layer: features[layer] for layer in LAYERS}})
    similarity, total = 0.0, 0.0
    for layer, a in seen[0].items():
        for channel in range(a.shape[-1]):
            p, q = a[..., channel], seen[1][layer][..., channel]
            alpha, beta = (params["heads"][head][layer][channel] for head in ("alpha", "beta"))
            luminance = (2 * p.mean() * q.mean() + 1e-6) / (p.mean() ** 2 + q.mean() ** 2 + 1e-6)
            covariance = ((p - p.mean()) * (q - q.mean())).mean()
            similarity += alpha * luminance + beta * (2 * covariance + 1e-6) / (p.var() + q.var() + 1e-6)
            total += alpha + beta
    return 1 - similarity / total


@pytest.fixture
def pair(crop_photograph, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y = crop_photograph(1, 20, 27)[0]
    return np.clip(y + 0.1 * rng.standard_normal(y.shape, np.float32), 0, 1), y


def test_formula(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """And of images that are reduced first; a mask of 1 and 0 is not the crop, for features see beyond it."""
    x, y = pair
    score = float(dists(x, y, params=PARAMS, data_range=1.0))
    assert score == pytest.approx(formula(x, y, PARAMS), rel=1e-5)
    small = [np.asarray(jax.image.resize(z, (10, 13, 3), "linear")) for z in pair]
    reduced = float(dists(x, y, params=PARAMS, data_range=1.0, short_side=10))
    assert reduced == pytest.approx(formula(small[0], small[1], PARAMS), rel=1e-5) and reduced != score
    assert 0 < abs(float(dists(x, y, params=PARAMS, data_range=1.0, dtype=jnp.bfloat16)) / score - 1) < 0.05


def test_images_that_are_small_already_are_left(pair: tuple[np.ndarray, np.ndarray]) -> None:
    score = functools.partial(through_thin_networks(jaxloss.dists), params=PARAMS, data_range=1.0)
    programs = [str(jax.make_jaxpr(functools.partial(score, short_side=side))(*pair)) for side in (None, 20, 19)]
    assert programs[0] == programs[1] != programs[2]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "short side": ({"short_side": 0}, "short_side >= 1, got 0"),
    "channels": ({"x": np.ones((20, 20, 1), np.float32)}, r"x of shape \[..., H, W, 3\]"),
    "lpips": ({"params": {"trunk": {}, "heads": {"relu1": 0}, "preprocessing": {}}}, "'heads' of 'alpha' and 'beta'"),
    "other heads": ({"params": {**PARAMS, "heads": {"alpha": {}, "beta": {}}}}, "heads of shapes .*'image': "),
    "precision": ({"precision": "float32"}, "precision one of"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case: str) -> None:
    change, words = BAD[case]
    arguments: dict[str, Any] = {"x": np.ones((20, 20, 3), np.float32), "params": PARAMS, "data_range": 1.0, **change}
    x = arguments.pop("x")
    with pytest.raises(ValueError, match=f"^dists: expected .*{words}"):
        jax.eval_shape(lambda x: through_thin_networks(jaxloss.dists)(x, x, **arguments), x)
