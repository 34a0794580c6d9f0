"""The command line: parse, call one function, print. Importing it pulls in nothing heavy."""

from egoactgen_bench.cli.app import main

__all__ = ["main"]
