"""How fast, how large and how soon: one script per question, `python -m benchmarks.metrics --help`."""
