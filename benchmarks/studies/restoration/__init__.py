"""Which loss restores photographs best? `python -m benchmarks.studies.restoration --images FOLDER`."""
