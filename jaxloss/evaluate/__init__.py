"""The numbers of the tools around the metrics: whole folders, comparison, gradient check, demonstration."""

from ._bjontegaard import bd_metric as bd_metric, bd_rate as bd_rate
from ._compare import choose_metrics as choose_metrics, compare as compare, shape_notes as shape_notes
from ._demo import demo as demo
from ._display import find_display as find_display, on_display as on_display, suited as suited
from ._distances import metrics_at_hand as metrics_at_hand
from ._distributions import plot_distributions as plot_distributions
from ._folders import (
    FolderScores as FolderScores,
    Summary as Summary,
    score_folders as score_folders,
    summarize as summarize,
)
from ._gradcheck import (
    GradientCheck as GradientCheck,
    check_gradients as check_gradients,
    gradient_pair as gradient_pair,
)
from ._judge import Verdict as Verdict, judge as judge
from ._judge_plot import plot_verdicts as plot_verdicts
from ._no_reference import assess as assess, choose_no_reference as choose_no_reference
from ._opinions import judge_opinions as judge_opinions
from ._pairs import Pair as Pair, Pairs as Pairs, find_pairs as find_pairs
from ._processes import join_processes as join_processes
from ._rate_distortion import (
    CodecDelta as CodecDelta,
    RatePoint as RatePoint,
    codec_deltas as codec_deltas,
    rate_distortion as rate_distortion,
)
from ._rate_plot import plot_rate_distortion as plot_rate_distortion
from ._report import write_report as write_report
from ._run import Evaluation as Evaluation, evaluate as evaluate
from ._saved import metric_from_file as metric_from_file
from ._set_scores import (
    SET_SCORES as SET_SCORES,
    ScoredSet as ScoredSet,
    SetEvaluation as SetEvaluation,
    SetScore as SetScore,
    score_sets as score_sets,
)
from ._sets import SetStatistics as SetStatistics, set_statistics as set_statistics
from ._statistics import read_statistics as read_statistics, save_statistics as save_statistics
from ._style_score import StyleScore as StyleScore, style_score as style_score
