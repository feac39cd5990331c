"""Perceptual loss along a reconstruction as geometric Brownian motion: model, simulation, measurement, fit, checks."""

from ._diagnostics import Diagnosis as Diagnosis, diagnose as diagnose
from ._estimates import Estimate as Estimate, HypothesisTest as HypothesisTest
from ._fit import Fit as Fit, equal_volatility_test as equal_volatility_test, fit as fit
from ._likelihood import log_likelihood as log_likelihood, transition_log_density as transition_log_density
from ._measure import (
    Curve as Curve,
    measure as measure,
    moving_average as moving_average,
    reconstructed_share as reconstructed_share,
)
from ._model import (
    CONDITIONS as CONDITIONS,
    PerceptualLossModel as PerceptualLossModel,
    diffusion as diffusion,
    drift as drift,
    effective_volatility as effective_volatility,
    log_drift as log_drift,
    under_condition as under_condition,
)
from ._moments import (
    covariance as covariance,
    log_mean as log_mean,
    mean as mean,
    median as median,
    mode as mode,
    moment as moment,
    quantile as quantile,
    variance as variance,
)
from ._separate import Separation as Separation, separate as separate
from ._simulate import SCHEMES as SCHEMES, integrate as integrate, simulate as simulate
