"""The splits in the repository: exact counts, certain rows, and how they are remade."""

import importlib.util
from pathlib import Path

from egoactgen_bench.files import read_csv, read_json
from egoactgen_bench.verifying import verify

SPLITS = Path(__file__).parents[1] / "splits"
EPIC = SPLITS / "epic-kitchens-val"


def test_epic_kitchens_val_rows():
    samples = read_csv(EPIC / "samples.csv", dtype={"sample_id": str, "video_id": str})
    rows = samples.itertuples(index=False, name=None)
    first, *_, last = rows
    assert len(samples) == 9658
    assert samples.sample_id.is_unique
    assert samples.video_id.nunique() == 138
    # By hand from the annotation: 1.56 + 0.6 · (2.45 − 1.56) = 2.094.
    assert first == ("P01_11_1", "P01_11", 1.56, 2.45, 1.31, 2.094)
    assert tuple(samples.iloc[9]) == ("P01_11_107", "P01_11", 357.26, 359.66, 357.01, 358.7)
    assert last == ("P32_10_9", "P32_10", 129.98, 145.73, 129.73, 139.43)


def test_epic_kitchens_val_manifest():
    manifest = read_json(EPIC / "split.json")
    assert manifest["counts"] == {
        "kept": 9658,
        "rejected": 10,
        "by_reason": {"input_before_start": 10},
    }
    assert manifest["recipe"]["annotations"] == {
        "EPIC_100_validation.csv": (
            "35f7932ba0a1127a96cac215a98d35398946f343e3cea9ad6688ed17eee9d75d"
        )
    }
    assert verify(EPIC) == []
    assert len(read_csv(EPIC / "rejected.csv")) == 10


def test_no_narration_is_published():
    for table in SPLITS.glob("*/samples.csv"):
        columns = set(read_csv(table, nrows=1))
        assert columns == {"sample_id", "video_id", "t_start", "t_end", "t_input", "t_target"}


def test_the_readme_commands_remake_epic_kitchens_val(bench, shared, tmp_path):
    annotations = shared / "data/epic/EPIC_100_validation.csv"
    call = ("prepare-splits", "epic-kitchens", "--annotations", annotations, "--times-only")
    result = bench(*call)
    assert (result.status, result.err) == (0, "")
    assert "9,658 kept" in result.out
    assert "10 rejected: input_before_start" in result.out
    assert "already complete" in bench(*call).out

    prepared = tmp_path / "workspace/splits/epic-kitchens-val"
    _publish(prepared, tmp_path / "standard")
    for name in ("samples.csv", "rejected.csv", "split.json"):
        assert (tmp_path / "standard" / name).read_bytes() == (EPIC / name).read_bytes()

    result = bench("verify", prepared, "--against", EPIC / "split.json")
    assert result.status == 0
    assert "everything is as recorded, and equals" in result.out


def _publish(prepared: Path, standard: Path) -> None:
    spec = importlib.util.spec_from_file_location("publish", SPLITS / "publish.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.publish(prepared, standard)
