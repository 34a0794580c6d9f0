"""The toy kitchen: a drawn first-person world with videos, annotated in Ego4D's and EPIC's formats.

`scene` samples a kitchen and its items, `actions` defines the possible actions, `motion` computes
the state of everything at a time; `shapes`, `furniture`, `hands` and `rendering` draw that state;
`filming` writes videos, and `annotations` what an annotator would write.
"""
