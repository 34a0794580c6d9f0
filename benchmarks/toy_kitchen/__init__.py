"""The paper's tables on the toy kitchen, what moves them, and which metric to trust.

`python -m benchmarks.toy_kitchen --workspace DIR` makes what is missing there, a `bench` command a
step, and writes results/toy-kitchen/. `steps` says what is done and in which order, `working` does
it, `collecting` gathers the tables, `gaps` compares two rows, `drawing` draws the figures.
"""
