"""The paper's tables on the toy kitchen, what moves them, and which metric to trust.

`python -m benchmarks.toy_kitchen --workspace DIR` makes what is missing there, a `bench` command a
step, and writes results/toy-kitchen/. `steps` says what is done and in which order (`plan`: how
much of it; `networks`: what all trainings stand on; `shipped`: the package's weights), `working`
does it, `collecting` gathers the tables, `gaps` compares two rows, `drawing` draws the figures.
`swapped` is a trial of its own: whether methods follow their text.
"""
