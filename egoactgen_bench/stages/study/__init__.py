"""User studies: batches for crowd workers, and the analysis of their answers."""
