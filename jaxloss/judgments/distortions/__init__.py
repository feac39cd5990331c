"""Distortions of images, each from nothing to more than anyone would bear."""
