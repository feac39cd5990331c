"""How far two gradients lie apart."""

import numpy as np
from jax.typing import ArrayLike


def relative_error(a: ArrayLike, b: ArrayLike) -> float:
    a, b = np.asarray(a), np.asarray(b)
    return float(np.linalg.norm((a - b).ravel()) / np.linalg.norm(b.ravel()))
