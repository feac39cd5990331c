"""Distortions of images, each from nothing to more than anyone would bear.

Images are floating arrays `[..., H, W, C]` with values in [0, 1], before and after: what leaves the range is clipped.
Results are float32, or float64 if the image is. Random functions take a `key` first. Every number may be a tracer, so
`jax.vmap` runs over keys, images and parameters alike; names and sizes of loops are static.

`DISTORTIONS` has a row for each distortion, which turns one strength from 0 to 1 into its parameters. The families are
those of the data set BAPPS (Zhang et al., CVPR 2018, https://doi.org/10.1109/CVPR.2018.00068), which states no ranges:
the ranges are this package's own. A row of your own is an entry more:

    def sepia(x, *, amount):
        return (1 - amount) * x + amount * x.mean(-1, keepdims=True) * jnp.array([1.0, 0.8, 0.6])

    DISTORTIONS["sepia"] = Distortion(sepia, "photometric", lambda key, strength: {"amount": strength})
"""

from ._blur import bilateral_blur as bilateral_blur, gaussian_blur as gaussian_blur, motion_blur as motion_blur
from ._jpeg import jpeg as jpeg
from ._noise import (
    checkerboard as checkerboard,
    colored_noise as colored_noise,
    gaussian_noise as gaussian_noise,
    impulse_noise as impulse_noise,
    uniform_noise as uniform_noise,
)
from ._photometric import (
    color_shift as color_shift,
    contrast_change as contrast_change,
    lightness_shift as lightness_shift,
    saturation_change as saturation_change,
)
from ._quantization import quantization as quantization
from ._spatial import (
    chromatic_aberration as chromatic_aberration,
    ghosting as ghosting,
    grid_warp as grid_warp,
    homography as homography,
    shift as shift,
)
from ._table import (
    DISTORTIONS as DISTORTIONS,
    Distortion as Distortion,
    distort as distort,
    distort_in_turn as distort_in_turn,
)
