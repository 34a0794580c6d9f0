"""HTML pages: one look for all, and every text escaped unless it says otherwise."""

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


@cache
def environment(package: str) -> Environment:
    """The templates of a package, which may include base.css, the look that all pages share."""
    return Environment(
        loader=ChoiceLoader(
            [PackageLoader(package), PackageLoader("egoactgen_bench.presentation")]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
