"""What published objectives do in real training: `python -m benchmarks.studies.inpainting --images FOLDER`."""
