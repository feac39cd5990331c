"""People's judgments of images: what they chose, what metrics would have chosen, and metrics that learn from it.

A two-alternative choice (2AFC) asks which of two images is nearer to a reference; `judge` is the share of people who
found the second one nearer. A just noticeable difference (JND) asks whether two images are the same; `same` is the
share of people who found them so. Distances are lower for images that are nearer: a metric that is better when higher
is negated. Zhang et al., CVPR 2018, https://doi.org/10.1109/CVPR.2018.00068.
"""

from ._artifact_specs import (
    ARTIFACT_TASKS as ARTIFACT_TASKS,
    ArtifactSpec as ArtifactSpec,
    Corruption as Corruption,
    random_artifact_spec as random_artifact_spec,
)
from ._artifacts import (
    ArtifactState as ArtifactState,
    artifact_distortion as artifact_distortion,
    artifact_step as artifact_step,
    corrupt as corrupt,
    init_artifacts as init_artifacts,
    restore as restore,
)
from ._choices import (
    agreement as agreement,
    best_two_afc_score as best_two_afc_score,
    human_ceiling as human_ceiling,
    two_afc_score as two_afc_score,
)
from ._correlation import (
    Correlations as Correlations,
    correlate as correlate,
    kendall as kendall,
    pearson as pearson,
    spearman as spearman,
)
from ._initial import gaussian_trunk as gaussian_trunk, init_lpips as init_lpips
from ._intervals import (
    Interval as Interval,
    PairedTest as PairedTest,
    bootstrap_interval as bootstrap_interval,
    paired_test as paired_test,
)
from ._jnd import JNDThreshold as JNDThreshold, jnd_score as jnd_score, jnd_threshold as jnd_threshold
from ._kmeans import kmeans_trunk as kmeans_trunk
from ._logistic import Logistic as Logistic, fit_logistic as fit_logistic
from ._ranking import init_ranking as init_ranking, ranking_logits as ranking_logits, ranking_loss as ranking_loss
from ._training import (
    TrainingMetrics as TrainingMetrics,
    TrainingState as TrainingState,
    init_training as init_training,
    learning_rate_schedule as learning_rate_schedule,
    training_step as training_step,
)
from ._trials import Choices as Choices, Comparisons as Comparisons
