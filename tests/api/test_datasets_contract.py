"""The contract of registered data sets: stable samples with safe, unique ids.

`plugin_calls.DATASETS` has small annotations for those that need them. A data set that cannot be
opened fails, unless `contract_exceptions` names it.
"""

import pytest

from contract_exceptions import built
from dataset_contract import check_dataset
from egoactgen_bench.api import plugins
from egoactgen_bench.stages.prepare.split_plan import open_dataset
from plugin_calls import DATASETS


@pytest.mark.parametrize("name", sorted(plugins.registered("datasets")))
def test_a_data_set_keeps_the_contract(name, tmp_path):
    arguments = DATASETS[name](tmp_path / "needs") if name in DATASETS else {}

    def opened():
        dataset = open_dataset(name, **arguments)
        if dataset.draws:
            dataset.materialise(tmp_path / "drawn", limit=2, workers=1, with_videos=False)
        return dataset

    def build():
        next(iter(opened().clips()))
        return opened

    clips = check_dataset(built("datasets", name, build))
    assert len({clip.sample_id for clip in clips}) >= 2
