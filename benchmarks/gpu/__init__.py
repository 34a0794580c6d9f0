"""Speed, memory and values of the full-size networks on a GPU, with random weights."""
