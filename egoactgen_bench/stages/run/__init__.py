"""The stage `run`: generates a method's images for a split, resumably and in shards."""
