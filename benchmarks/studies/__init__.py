"""Questions that take minutes: trainings and measurements along whole reconstructions, a folder per question."""
