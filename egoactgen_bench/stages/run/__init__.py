"""The stage run: a method's images for a split, resumable and sharded."""
