"""The toy kitchen: a drawn first-person world, with videos and annotations in the true formats.

`scene` samples a kitchen and what stands in it, `actions` says what can be done there, `motion`
where everything is at a moment; `shapes`, `furniture`, `hands` and `picture` draw that moment;
`world` films it, and `annotations` writes down what an annotator would.
"""
