"""People's judgments of images: what they chose, what metrics would have chosen, and metrics that learn from it.

A two-alternative choice (2AFC) asks which of two images is nearer to a reference; `judge` is the share of people who
found the second one nearer. A just noticeable difference (JND) asks whether two images are the same; `same` is the
share of people who found them so. Distances are lower for images that are nearer: a metric that is better when higher
is negated. Zhang et al., CVPR 2018, https://doi.org/10.1109/CVPR.2018.00068.
"""

from ._initial import gaussian_trunk as gaussian_trunk, init_lpips as init_lpips
from ._trials import Choices as Choices, Comparisons as Comparisons
