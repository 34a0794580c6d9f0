"""Statistics of measured values: intervals, tests, slices, pooling, agreement, published values."""
