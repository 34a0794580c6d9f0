"""Small models of the real metric architectures, and the judge, all trained on the toy kitchen.

`drawn_clips` renders frames before and after an action with their ground truth, `toy_texts` writes
captions for them, `toy_fitting` is the training loop; each model has its recipe in one file.
`python -m egoactgen_bench.toy.networks` trains them all.
"""
