"""The paper's tables on the toy kitchen, what they depend on, and the agreement of metrics.

`python -m benchmarks.toy_kitchen --workspace DIR` runs the missing steps, each a `bench` command,
and writes results/toy-kitchen/. `steps` lists the steps in their order (`plan`: size of the
experiment; `networks`: prerequisites of all trainings; `shipped`: the package's weights), `working`
runs them, `collecting` collects the tables, `gaps` compares two rows, `trust` compares metrics with
the judge, and `drawing` draws the figures. `swapped` is a separate experiment: whether methods
follow their text.
"""
