"""Every registered metric with weights has a value from another program, in a test that exists."""

import pytest

from contract_exceptions import WITHOUT_REFERENCE_VALUE
from drawn_metrics import Counting, Weighty
from egoactgen_bench.api import plugins
from reference_values import REFERENCES, Reference, check_reference, is_test

NAMES = list(plugins.registered("metrics"))


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_with_weights_has_a_reference(name):
    metric = plugins.find("metrics", name)
    check_reference(name, metric, REFERENCES, WITHOUT_REFERENCE_VALUE)


def test_the_tests_exist_and_belong_to_registered_metrics():
    assert REFERENCES.keys() <= set(NAMES)
    for reference in REFERENCES.values():
        assert reference.program and reference.tests
        for test in reference.tests:
            assert is_test(test), test


def test_a_metric_without_a_reference_fails():
    reference = Reference("another program", ("metrics/test_reference_values.py::test_none",))
    with pytest.raises(AssertionError, match="'weighty' has weights"):
        check_reference("weighty", Weighty, {}, {})
    with pytest.raises(AssertionError, match="'weighty' has weights"):
        check_reference("weighty", Weighty, {"weighty": reference}, {"weighty": "too large"})
    with pytest.raises(AssertionError, match="needs no excuse"):
        check_reference("counting", Counting, {}, {"counting": "too large"})
    check_reference("weighty", Weighty, {}, {"weighty": "too large"})
    check_reference("weighty", Weighty, {"weighty": reference}, {})
    check_reference("counting", Counting, {}, {})


@pytest.mark.parametrize(
    "reference",
    ["metrics/test_absent.py::test_clip", "metrics/test_distances.py::test_absent", "metrics"],
)
def test_a_missing_test_is_detected(reference):
    assert not is_test(reference)
