"""Seeds of random streams."""

import pytest

from egoactgen_bench.support.seeds import derive_seed, derive_seeds


@pytest.mark.parametrize("before", [(), ("example",), ("a", "b")])
def test_seeds_of_many_names_are_those_of_single_names(before):
    names = ["P01_11_1", "", "é", "P01_11_1"]
    expected = [derive_seed(7, *before, name) for name in names]
    assert derive_seeds(7, *before, last=names).tolist() == expected
    assert derive_seeds(7, *before, last=[]).tolist() == []


def test_seeds_do_not_change_between_versions():
    assert derive_seed(0, "V00_0") == 1992413429690941138
