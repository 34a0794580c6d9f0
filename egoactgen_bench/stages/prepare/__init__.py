"""The stage prepare-splits: annotated actions become a split of frames, times and hashes."""
