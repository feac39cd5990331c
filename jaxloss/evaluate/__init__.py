"""The numbers of the tools around the metrics: comparison, gradient check, demonstration."""

from ._bjontegaard import bd_metric as bd_metric, bd_rate as bd_rate
from ._compare import choose_metrics as choose_metrics, compare as compare, shape_notes as shape_notes
from ._demo import demo as demo
from ._gradcheck import (
    GradientCheck as GradientCheck,
    check_gradients as check_gradients,
    gradient_pair as gradient_pair,
)
from ._saved import metric_from_file as metric_from_file
