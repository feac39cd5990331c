"""Array tools that know no metric: filters, pooling, value ranges, color, and total versions of partial functions."""

from ._color import convert_color as convert_color, rgb_to_lab as rgb_to_lab, rgb_to_y as rgb_to_y
from ._color_difference import color_difference as color_difference
from ._displays import (
    DISPLAYS as DISPLAYS,
    Display as Display,
    display_light as display_light,
    pixels_per_degree as pixels_per_degree,
)
from ._filters import (
    gaussian_window as gaussian_window,
    separable_filter as separable_filter,
    uniform_window as uniform_window,
)
from ._gradients import gradient_magnitude as gradient_magnitude
from ._halo import exchange_halo as exchange_halo, mean_over_strips as mean_over_strips
from ._laplacian import laplacian_pyramid as laplacian_pyramid
from ._numerics import (
    safe_abs as safe_abs,
    safe_divide as safe_divide,
    safe_power as safe_power,
    safe_sqrt as safe_sqrt,
)
from ._partial_conv import partial_conv as partial_conv
from ._pooling import (
    masked_deviation as masked_deviation,
    masked_mean as masked_mean,
    masked_norm as masked_norm,
    masked_ratio as masked_ratio,
)
from ._pu21 import pu21_decode as pu21_decode, pu21_encode as pu21_encode
from ._pyramids import average_pool as average_pool
from ._ranges import to_float as to_float, to_unit as to_unit
from ._resize import resize as resize
