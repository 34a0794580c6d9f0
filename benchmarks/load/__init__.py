"""Every stage on up to 100,000 tiny samples: `python -m benchmarks.load --folder DIR`."""
