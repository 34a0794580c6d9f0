"""The splits in the repository: exact counts, selected rows, and how to reproduce them."""

import importlib.util
import platform
from pathlib import Path

import pytest

from egoactgen_bench.artifacts.splits import TIME_COLUMNS, load_split
from egoactgen_bench.stages.verify import verify
from egoactgen_bench.support.files import read_csv, read_json
from egoactgen_bench.toy.world import filming

SPLITS = Path(__file__).parents[2] / "splits"
EPIC = SPLITS / "epic-kitchens-val"
TRAIN = "toy-kitchen-train"
X86_64 = ("x86_64", "AMD64")
FIRST_FOUR_STILLS = "60cc93b1be32a276ed3575f0b77dd42356186c8c6d24d572ad5ef6fb16285bf0"


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


def test_boxes_are_published_only_of_the_toy_kitchen():
    assert [path.parent.name for path in SPLITS.glob("*/boxes.csv")] == ["toy-kitchen"]
    boxes = load_split(SPLITS / "toy-kitchen").boxes()
    assert len(boxes) == 32 and all(each["target"] for each in boxes.values())


def test_no_narration_is_published():
    for table in SPLITS.glob("*/samples.csv"):
        columns = set(read_csv(table, nrows=1)) - {"input_sha256", "target_sha256"}
        assert columns == {"sample_id", "video_id", "t_start", "t_end", "t_input", "t_target"}


def test_the_readme_commands_reproduce_epic_kitchens_val(bench, shared, tmp_path):
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


@pytest.mark.parametrize(("name", "count"), [("toy-kitchen", 32), ("toy-kitchen-train", 4096)])
def test_the_toy_kitchens_are_complete(name, count):
    manifest = read_json(SPLITS / name / "split.json")
    assert manifest["counts"] == {"kept": count, "rejected": 0, "by_reason": {}}
    assert verify(SPLITS / name) == []
    assert manifest["frames_fingerprint"]


@pytest.mark.parametrize(("subset", "name"), [("val", "toy-kitchen"), ("train", TRAIN)])
def test_the_first_clips_of_the_toy_kitchens_are_reproduced(bench, tmp_path, subset, name):
    """The same ids and times on any machine, and the same bytes with the same libraries."""
    result = bench("prepare-splits", "--subset", subset, "--limit", 4, "--workers", 1)
    assert result.status == 0, result.err
    drawn = load_split(tmp_path / "workspace/splits" / name)
    kept = load_split(SPLITS / name)
    times = [*TIME_COLUMNS, "sample_id"]
    assert drawn.samples[times].equals(kept.samples[times][:4])
    if subset == "val":
        assert drawn.boxes() == {name: kept.boxes()[name] for name in drawn.samples["sample_id"]}
    if platform.machine() not in X86_64:
        pytest.skip("frames are byte-identical only on x86-64")
    others = _other_libraries(drawn.manifest.versions, kept.manifest.versions)
    if others:
        pytest.skip(f"the recorded frames come from other libraries: {others}")
    if subset == "train":  # a large split has no hashes of single frames
        assert drawn.frames_fingerprint == FIRST_FOUR_STILLS
    else:
        hashes = ["input_sha256", "target_sha256"]
        assert drawn.samples[hashes].equals(kept.samples[hashes][:4])


def test_videos_of_the_toy_kitchen_do_not_depend_on_the_processor(tmp_path, monkeypatch):
    """With a reduced instruction set, the videos of the standard split have the same bytes."""
    filming.film(tmp_path / "all", "val", 1)
    reduced = filming.ENCODING["x264-params"] + ":asm=sse2"
    monkeypatch.setitem(filming.ENCODING, "x264-params", reduced)
    filming.film(tmp_path / "sse2", "val", 1)
    (video,) = (tmp_path / "all").rglob("*.mp4")
    (other,) = (tmp_path / "sse2").rglob("*.mp4")
    assert video.name == other.name
    assert video.read_bytes() == other.read_bytes()
    if platform.machine() not in X86_64:
        return  # no set of instructions to choose among
    # Without `cpu-independent` the same two sets of instructions give different bytes.
    dependent = []
    for name, params in (("own", "cpu-independent=0"), ("own-sse2", "cpu-independent=0:asm=sse2")):
        monkeypatch.setitem(filming.ENCODING, "x264-params", params)
        filming.film(tmp_path / name, "val", 1)
        dependent.append(next((tmp_path / name).rglob("*.mp4")).read_bytes())
    assert dependent[0] != dependent[1]


def test_videos_of_another_encoding_are_rendered_again(tmp_path, monkeypatch):
    filming.film(tmp_path, "val", 1)
    (video,) = tmp_path.rglob("*.mp4")
    kept = video.read_bytes()
    video.write_bytes(b"of an earlier version")
    filming.film(tmp_path, "val", 1)
    assert video.read_bytes() == b"of an earlier version"
    (tmp_path / "encoding.json").unlink()  # as 0.1.0 left its videos
    filming.film(tmp_path, "val", 1)
    assert video.read_bytes() == kept


def _other_libraries(here: dict[str, str], there: dict[str, str]) -> list[str]:
    own = {"egoactgen_bench", "python"}
    return [name for name in there if name not in own and here[name] != there[name]]


def _publish(prepared: Path, standard: Path) -> None:
    spec = importlib.util.spec_from_file_location("publish", SPLITS / "publish.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.publish(prepared, standard)
