"""Array annotations of the public functions, in jaxtyping's notation."""

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
