"""The stage `prepare-splits`: from annotated actions to a split of frames, times and hashes."""
