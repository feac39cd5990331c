"""Trainings that run for minutes: data, checkpoints, curves, and the file that comes of it."""

from ._plot import plot_training as plot_training
from ._run import TrainedLPIPS as TrainedLPIPS, train_lpips as train_lpips
