"""Small models of the real metric architectures, trained on the toy kitchen; and its judge.

`drawn` draws before and after frames with their truth, `texts` says them in words, `fitting` is the
one training loop; a file a model holds its recipe. `python -m egoactgen_bench.toy.networks` makes
all of them again.
"""
