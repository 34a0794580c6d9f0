"""HTML pages in a common style; texts are escaped unless marked as safe."""

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


@cache
def environment(package: str) -> Environment:
    """The templates of a package, which may include base.css, the style sheet of all pages."""
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
