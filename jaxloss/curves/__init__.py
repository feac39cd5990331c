"""Curves of a loss along a reconstruction: files, measurement, simulation, and the model of `jaxloss.sde` fitted."""

from ._file import Curves as Curves, curves_csv as curves_csv, read_curves as read_curves
from ._fits import (
    Analysis as Analysis,
    analysis_csv as analysis_csv,
    analysis_json as analysis_json,
    analyze as analyze,
    average_curves as average_curves,
    verdict as verdict,
)
from ._measurement import measure_files as measure_files
from ._plot import plot_curves as plot_curves
from ._simulation import simulate_curves as simulate_curves
