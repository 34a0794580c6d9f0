"""The toy kitchen: a drawn first-person world, with videos and annotations in the true formats.

`scene` samples a kitchen and what stands in it, `actions` says what can be done there, `motion` where
everything is at a moment, `shapes`, `hands` and `picture` draw that moment, and `world` films it.
"""
