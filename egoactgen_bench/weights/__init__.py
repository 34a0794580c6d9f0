"""The registry of published weights: what exists, where it comes from, fetching and checking it."""
