"""The paper's tables as experiments: what is trained, what is run, what is compared."""
