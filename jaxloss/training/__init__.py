"""Trainings that run for minutes: data, checkpoints, curves, and the file that comes of it."""
