"""The paper's tables on the toy kitchen, and what they depend on.

`python -m benchmarks.toy_kitchen --workspace DIR` runs the missing steps, each a `bench` command,
and writes results/toy-kitchen/. `steps` lists the steps in their order (`plan`: size of the
experiment; `networks`: prerequisites of all trainings; `shipped`: the package's weights), `working`
runs them, `collecting` collects the tables, `gaps` compares two rows, and `drawing` draws the
figures. `swapped` and `trust` are separate experiments, which train nothing: whether methods follow
their text, and how far each metric can be trusted.
"""
