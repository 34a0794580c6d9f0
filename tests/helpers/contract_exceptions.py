"""Registered plug-ins that are exempt from a contract test, each with the reason.

An entry that is no longer needed also fails the tests: remove it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

HERE = "tests/helpers/contract_exceptions.py"

# (kind, name) → why it cannot be built in the tests.
CANNOT_BE_BUILT: dict[tuple[str, str], str] = {}
# Metric with weights → why no test compares its values with those of another program.
WITHOUT_REFERENCE_VALUE: dict[str, str] = {}


def built(
    kind: str,
    name: str,
    build: Callable[[], Any],
    excused: Mapping[tuple[str, str], str] | None = None,
) -> Any:
    """The result of `build` for a registered plug-in; any error fails the test.

    For a plug-in on the list, the test is skipped with the reason; it fails if `build` succeeds.
    """
    reason = (CANNOT_BE_BUILT if excused is None else excused).get((kind, name))
    try:
        found = build()
    except Exception as error:
        if reason is not None:
            pytest.skip(f"{name}: {reason}")
        raise AssertionError(
            f"{name} of {kind} cannot be built: {type(error).__name__}: {error} Repair it; or add "
            f"the arguments it needs to tests/helpers/plugin_calls.py; or give a reason in {HERE}."
        ) from error
    assert reason is None, f"{name} of {kind} can be built: remove it from {HERE}."
    return found
