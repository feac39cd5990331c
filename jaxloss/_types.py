"""Array annotations of the public functions, in jaxtyping's notation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jax.typing import ArrayLike as ArrayLike
from jaxtyping import Array as Array, Bool, Float, Num


# What comes in may be NumPy's; what goes out is JAX's. Sizes of one name are equal within a call; one whose name begins
# with _ may be any, and ... stands for any leading axes.
Image = Float[Array | np.ndarray, "*batch height width channels"]
ImageArray = Float[Array, "*batch height width channels"]
GrayArray = Float[Array, "*batch height width 1"]
Map = Float[Array, "*batch _rows _columns _channels"]
Mask = Float[Array | np.ndarray, "... height width"] | Bool[Array | np.ndarray, "... height width"]
Volume = Float[Array | np.ndarray, "*batch depth height width channels"]
VolumeMap = Float[Array, "*batch _slices _rows _columns _channels"]
VolumeMask = Float[Array | np.ndarray, "... depth height width"] | Bool[Array | np.ndarray, "... depth height width"]
Video = Float[Array | np.ndarray, "*batch frames height width channels"]
Scores = Float[Array, "*batch"]
PlaneScores = Float[Array, "*batch _planes"]
Scalar = float | Num[Array, ""]
Params = Mapping[str, Any]  # nested, with arrays as leaves
FeatureMap = Float[Array | np.ndarray, "*batch _rows _columns _features"]
Features = Mapping[str, FeatureMap]
FeatureArray = Float[Array, "*batch _rows _columns _features"]
FeatureArrays = dict[str, FeatureArray]
# Sets: one row of features for each image, which of the rows count, and statistics over the rows.
FeatureSet = Float[Array | np.ndarray, "_samples _dimension"]
FeatureSetArray = Float[Array, "_samples _dimension"]
Counted = Bool[Array | np.ndarray, "_samples"]
FeatureMean = Float[Array | np.ndarray, "_dimension"]
FeatureCovariance = Float[Array | np.ndarray, "_dimension _dimension"]
ScalarArray = Float[Array, ""]
