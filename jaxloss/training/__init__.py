"""Trainings that run for minutes: data, checkpoints, curves, and the file that comes of it."""

from ._artifact_sheet import artifact_sheet as artifact_sheet
from ._artifacts import load_artifacts as load_artifacts, train_artifacts as train_artifacts
from ._plot import plot_training as plot_training
from ._run import TrainedLPIPS as TrainedLPIPS, train_lpips as train_lpips
