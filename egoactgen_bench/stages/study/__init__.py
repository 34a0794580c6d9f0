"""Studies with people: batches for crowd workers, and what their answers say."""
