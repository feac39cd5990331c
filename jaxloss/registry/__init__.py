"""One row per metric and loss: what the command line, the contract tests, the README and the benchmarks read."""

from ._row import Metric as Metric, NoReference as NoReference
from ._table import METRICS as METRICS, NO_REFERENCE as NO_REFERENCE
