"""Array annotations of the public functions, in jaxtyping's notation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jax.typing import ArrayLike as ArrayLike
from jaxtyping import Array as Array, Bool, Float


# What comes in may be NumPy's; what goes out is JAX's.
Image = Float[Array | np.ndarray, "*batch height width channels"]
ImageArray = Float[Array, "*batch height width channels"]
Map = Float[Array, "*batch rows columns channels"]
Mask = Float[Array | np.ndarray, "*batch height width"] | Bool[Array | np.ndarray, "*batch height width"]
Scores = Float[Array, "*batch"]
Scalar = float | Float[Array, ""]
Params = Mapping[str, Any]  # nested, with arrays as leaves
FeatureMap = Float[Array, "*batch rows columns channels"]
Features = dict[str, FeatureMap]
