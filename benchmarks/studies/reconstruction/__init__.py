"""Perceptual loss along a reconstruction: `python -m benchmarks.studies.reconstruction --images FOLDER`."""
