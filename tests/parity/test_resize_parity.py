"""Resizing against torch, TensorFlow 1 and PIL: enlarging and shrinking, whole matrices and bands."""

import jax
import numpy as np
import pytest

from jaxloss.ops import resize
from jaxloss.ops._resize import METHODS
from tests.parity._peers import foreign_code, peer


SIZES = [((37, 50), (20, 61)), ((160, 140), (299, 97)), ((9, 7), (1, 3))]


def theirs(image: np.ndarray, size: tuple[int, int], method: str) -> np.ndarray:
    """Of `[H, W, C]`."""
    library, kernel, *options = method.split("_", 2)
    if library == "torch":
        torch = peer("torch")
        planes = torch.tensor(np.moveaxis(image, -1, 0)[None].copy())
        chosen = {"align_corners": False, **dict.fromkeys(options, True)}
        found = torch.nn.functional.interpolate(planes, size=size, mode=kernel, **chosen)[0]
        return np.moveaxis(found.numpy(), 0, -1)
    return peer("tensorflow").compat.v1.image.resize_bilinear(image[None], size, align_corners=False)[0].numpy()


@pytest.mark.parametrize("method", [name for name in METHODS if name.startswith(("torch", "tf1"))])
def test_resizes_alike(method: str, rng: np.random.Generator) -> None:
    """In float32, in which torch and TensorFlow compute places, too; and torch in float64."""
    for old, size in SIZES:
        image = rng.random((*old, 2))
        with foreign_code():
            single = theirs(image.astype(np.float32), size, method)
            double = theirs(image, size, method) if method.startswith("torch") else None
        np.testing.assert_allclose(resize(image.astype(np.float32), size=size, method=method), single, atol=3e-6)
        if double is not None:
            with jax.enable_x64(True):
                found = resize(image, size=size, method=method)
            np.testing.assert_allclose(found, double, atol=1e-12)
