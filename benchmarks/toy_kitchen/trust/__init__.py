"""How far each metric can be trusted in the toy kitchen.

`python -m benchmarks.toy_kitchen.trust` runs everything. `control_images` makes images whose order
is known, `expected_orders` declares the order that each metric should find and the rule by which it
passes, `control_table` tests it, and `judge_agreement` compares metrics with the judge on the
methods' outputs.
"""
