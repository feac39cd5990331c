"""Metrics of two sets of images, or of one, from features `[n, d]` of any network: one row for each image.

`x` is the set under test, `y` the reference; their sizes may differ. Features are floating, `TypeError` otherwise;
float16 and bfloat16 are computed with as float32, float64 stays. What is streamed has a state, a pytree of sums that
`merge`: over batches in `scan`, over devices with `sum_over_devices`, over processes and files. Pairs of rows are gone
through in blocks, so that memory grows with n and not with its square.
"""

from ..ops._compensated import Sums as Sums, merge as merge, sum_over_devices as sum_over_devices
from ._diversity import (
    InceptionScore as InceptionScore,
    inception_score as inception_score,
    inception_score_of as inception_score_of,
    init_inception_score as init_inception_score,
    update_inception_score as update_inception_score,
    vendi_score as vendi_score,
)
from ._frechet import frechet_distance as frechet_distance, frechet_of_statistics as frechet_of_statistics
from ._inception import (
    FID_CONVENTIONS as FID_CONVENTIONS,
    FIDConvention as FIDConvention,
    inception_features as inception_features,
    inception_logits as inception_logits,
    prepare_images as prepare_images,
)
from ._kernels import KID as KID, MMD_CONVENTIONS as MMD_CONVENTIONS, kid as kid, mmd as mmd
from ._moments import (
    Statistics as Statistics,
    host_statistics as host_statistics,
    init_moments as init_moments,
    statistics as statistics,
    update_moments as update_moments,
)
from ._neighbors import (
    DensityCoverage as DensityCoverage,
    PrecisionRecall as PrecisionRecall,
    density_coverage as density_coverage,
    precision_recall as precision_recall,
)
from ._score import frechet_score as frechet_score
from ._table import SETS as SETS, SetMetric as SetMetric, Streaming as Streaming
