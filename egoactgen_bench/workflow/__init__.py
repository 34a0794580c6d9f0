"""The commands as Python functions: they take objects or names, and return what was made.

All are importable from `egoactgen_bench`, and described in docs/python.md.
"""
