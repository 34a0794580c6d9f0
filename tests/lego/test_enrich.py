"""`bench lego enrich`, `embed`: independence of batches, shards and kills; reported failures."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_lego.features.conditioning_names import kinds_of
from egoactgen_lego.features.feature_files import FeatureWriter
from egoactgen_lego.features.feature_folder import FeatureFolder
from egoactgen_lego.stages.embed import embed
from egoactgen_lego.stages.enrich import enrich
from egoactgen_lego.vllm.engine import Engine, EngineOptions
from egoactgen_lego.vllm.prompting import QUESTION, word_ids
from egoactgen_lego.vllm.sampling import Sampling
from egoactgen_lego.vllm.text_generation import one_line, read
from egoactgen_lego.vllm.vllm_model import VLLM, load
from tiny_vllm import PATCHES, WIDTH, write_tiny_vllm

FILES = [
    ("safetensors", "float16"),
    ("safetensors", "bfloat16"),
    ("npy", "float16"),
    ("released", "float16"),
]
SIZES = {"image_tokens": PATCHES, "text_tokens": 77, "vllm_width": WIDTH}
SAMPLING = Sampling(temperature=1.0, max_new_tokens=20)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_tiny_vllm(tmp_path_factory.mktemp("vllm") / "tiny-vllm")


@pytest.fixture
def engine(weights, drawn_split):
    def made(**choices):
        return Engine(load_split(drawn_split), weights, EngineOptions(device="cpu", **choices))

    return made


def files_of(split, name):
    folder = split / "descriptions"
    manifest = json.loads((folder / f"{name}.json").read_text())
    return (folder / f"{name}.csv").read_bytes(), manifest


def test_descriptions_from_the_command_line(bench, drawn_split, weights):
    arguments = (
        *("lego", "enrich", "--weights", weights, "--name", "tuned", "--temperature", "1"),
        *("--max-new-tokens", "20", "--seed", "3"),
    )
    result = bench(*arguments)
    assert result.status == 0, result.err
    assert "6 of 6 samples described" in result.out
    assert "are cut off at the maximum length" in result.out
    texts = load_descriptions(drawn_split, "tuned").texts
    assert list(texts) == list(load_split(drawn_split).samples["sample_id"])
    assert len(set(texts.values())) == 6
    table, manifest = files_of(drawn_split, "tuned")
    assert manifest["sampling"] == {"temperature": 1.0, "top_k": 50, "max_new_tokens": 20}
    assert (manifest["seed"], manifest["question"]) == (3, QUESTION)
    assert manifest["vllm"] == "tiny-vllm"
    assert len(manifest["weights"]["model.safetensors"]) == 64
    assert manifest["fingerprint"] == load_split(drawn_split).fingerprint
    assert bench("verify", drawn_split).status == 0
    (drawn_split / "descriptions" / "tuned.csv").write_bytes(table + b"x,y\n")
    assert bench("verify", drawn_split).status == 1
    assert sorted(path.name for path in (drawn_split / "descriptions").iterdir()) == [
        "tuned.csv",
        "tuned.json",
    ]

    other = bench(*arguments, "--max-new-tokens", "21")
    assert other.status == 2
    assert "sampling" in other.err
    assert "--overwrite" in other.err
    assert bench(*arguments, "--max-new-tokens", "21", "--overwrite").status == 0
    assert files_of(drawn_split, "tuned")[0] != table
    assert bench(*arguments, "--name", "off-the-shelf").status == 0  # several sets coexist
    assert files_of(drawn_split, "off-the-shelf")[0] == table


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_batches_shards_and_ranks_do_not_change_results(
    engine, drawn_split, temperature, monkeypatch
):
    sampling = Sampling(temperature=temperature, max_new_tokens=20)
    enrich(engine(batch_size=2), "whole", sampling=sampling)
    enrich(engine(batch_size=5), "other-batches", sampling=sampling)
    for part in ("2/2", "1/2"):
        done = enrich(engine(batch_size=2, shard=part), "sharded", sampling=sampling)
        assert (done.manifest is not None) == (part == "1/2")
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", "2")
        enrich(engine(batch_size=2), "ranks", sampling=sampling)
    tables = {
        name: files_of(drawn_split, name)[0]
        for name in ("whole", "other-batches", "sharded", "ranks")
    }
    assert len(set(tables.values())) == 1, tables


def test_an_interrupted_call_resumes(engine, drawn_split, monkeypatch):
    asked = []
    describe = VLLM.describe

    def counted(self, questions, *others):
        asked.append(len(questions))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return describe(self, questions, *others)

    monkeypatch.setattr(VLLM, "describe", counted)
    with pytest.raises(KeyboardInterrupt):
        enrich(engine(batch_size=2), "stopped", sampling=SAMPLING)
    assert not (drawn_split / "descriptions" / "stopped.csv").exists()
    refusal = r"an unfinished set of descriptions with other settings \(seed 0 → 1\)"
    with pytest.raises(BenchError, match=refusal):
        enrich(engine(batch_size=2), "stopped", sampling=SAMPLING, seed=1)
    enrich(engine(batch_size=2), "stopped", sampling=SAMPLING)
    assert asked == [2, 2, 2, 2]
    enrich(engine(batch_size=2), "stopped", sampling=SAMPLING)
    assert len(asked) == 4
    enrich(engine(batch_size=2), "through", sampling=SAMPLING)
    assert files_of(drawn_split, "stopped")[0] == files_of(drawn_split, "through")[0]


def test_the_seed_changes_the_descriptions(engine, drawn_split):
    for name, seed in (("first", 0), ("second", 1)):
        enrich(engine(), name, sampling=SAMPLING, seed=seed)
    first, second = (load_descriptions(drawn_split, name).texts for name in ("first", "second"))
    assert all(first[key] != second[key] for key in first)


def test_an_unreadable_frame_does_not_affect_the_others(bench, drawn_split, weights):
    frame = drawn_split / "frames" / "V01_1" / "input.png"
    frame.write_bytes(frame.read_bytes()[:100])
    arguments = ("lego", "enrich", "--weights", weights, "--max-new-tokens", "5")
    for _ in range(2):  # the second call reads it from the manifest
        result = bench(*arguments)
        assert result.status == 1
        assert "failed: V01_1: undecodable_image (input frame frames/V01_1/input.png)" in result.out
    texts = load_descriptions(drawn_split, "vllm").texts
    assert len(texts) == 5
    out = drawn_split / "features"
    result = bench(*("lego", "embed", "--weights", weights, "--descriptions", "vllm", "--out", out))
    assert result.status == 1
    assert "5 of 6 samples embedded" in result.out


@pytest.mark.parametrize(("layout", "dtype"), FILES)
def test_features_are_those_of_the_generated_tokens(
    engine, weights, drawn_split, tmp_path, layout, dtype
):
    writer = FeatureWriter(tmp_path / "features", layout, dtype)
    sampling = Sampling(
        temperature=0, max_new_tokens=20
    )  # greedy: no broken bytes, which would be decoded differently
    enrich(engine(batch_size=3), "seen", sampling=sampling, features=writer)
    vllm = load(weights, "cpu", torch.float32)
    texts = load_descriptions(drawn_split, "seen").texts
    found = FeatureFolder(writer.folder, kinds_of("joint"))
    tolerance = 0.05 if dtype == "bfloat16" else 0.005
    for sample in load_split(drawn_split).samples.to_dict("records"):
        key = sample["sample_id"]
        frame = Image.open(drawn_split / sample["input_frame"])
        images = vllm.image_features([frame])
        image = found.read("image", key, SIZES)
        assert np.abs(image - images[0].numpy()).max() < tolerance * np.abs(image).max()
        prompt = vllm.embed(vllm.prompt(QUESTION.format(sample["action"])), images[0])
        ids = [*word_ids(vllm.tokenizer, texts[key]), 2]
        with torch.inference_mode():
            (states,) = read(vllm.model, [prompt], [ids])
        padded = found.read("text", key, SIZES)
        count = int(np.abs(padded).sum(1).astype(bool).sum())
        assert count in (len(ids), len(ids) - 1)  # without an end where the length ran out
        assert np.abs(padded[:count] - states[:count].numpy()).max() < tolerance * 4


def test_embedding_a_description_gives_the_features_of_generating_it(engine, drawn_split, tmp_path):
    sampling = Sampling(temperature=0, max_new_tokens=200)
    written = FeatureWriter(tmp_path / "written")
    done = enrich(engine(), "greedy", sampling=sampling, features=written)
    texts = load_descriptions(drawn_split, "greedy")
    embedded = FeatureWriter(tmp_path / "embedded", "npy")
    for part in ("1/2", "2/2"):
        outcome = embed(engine(shard=part, batch_size=2), texts, embedded)
    assert outcome.manifest.counts == {"samples": 6, "embedded": 6}
    assert (outcome.manifest.descriptions, done.failed) == ("greedy", [])
    pair = [FeatureFolder(writer.folder, kinds_of("joint")) for writer in (written, embedded)]
    assert pair[0].digest() != pair[1].digest()
    for key in texts.texts:
        for kind in ("image", "text"):
            first, second = (folder.read(kind, key, SIZES) for folder in pair)
            assert np.abs(first - second).max() < 0.01
    stored = load_file(written.folder / "text" / "V00_0.safetensors")["states"]
    assert stored.dtype == torch.float16
    assert len(stored) == 200  # all generated tokens; embedding adds the missing end token
    assert len(np.load(embedded.folder / "text" / "V00_0.npy")) == 201


def test_a_missing_description_is_named(bench, drawn_split, weights, tmp_path):
    folder = drawn_split / "descriptions"
    folder.mkdir()
    (folder / "mine.csv").write_text("sample_id,description\nV00_0,The person opens the drawer.\n")
    out = tmp_path / "features"
    arguments = ("lego", "embed", "--weights", weights, "--descriptions", "mine", "--out", out)
    result = bench(*arguments, "--features-layout", "npy", "--limit", "2")
    assert result.status == 1
    assert "failed: V01_1: missing_description" in result.out
    assert np.load(out / "image" / "V00_0.npy").shape == (PATCHES, WIDTH)
    with pytest.raises(SampleError, match="missing_features"):
        FeatureFolder(out, kinds_of("image")).read("image", "V01_1", SIZES)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--weights", "absent"), "Unknown VLLM 'absent'"),
        (("--dtype", "float8"), "Unknown dtype 'float8'"),
        (("--question", "How?"), "needs exactly one {}"),
        (("--name", "../x"), "is not a safe file name"),
        (("--shard", "3/2"), "--shard 3/2 does not have the form"),
        (("--features", "f", "--features-layout", "zip"), "Unknown features layout 'zip'"),
        (("--features", "f", "--features-dtype", "float32"), "Unknown features dtype 'float32'"),
        (
            ("--features", "f", "--features-layout", "npy", "--features-dtype", "bfloat16"),
            "NumPy files do not support bfloat16",
        ),
        (
            ("--features", "f", "--features-layout", "relased"),
            "Unknown features layout 'relased'. Did you mean 'released'?",
        ),
    ],
)
def test_invalid_calls_are_refused(bench, drawn_split, weights, arguments, sentence):
    result = bench("lego", "enrich", "--weights", weights, *arguments)
    assert (result.status, sentence in result.err) == (2, True), result.err
    assert not (drawn_split / "descriptions").exists()


@pytest.mark.parametrize(("layout", "dtype"), FILES)
def test_features_come_back_as_they_were_written(tmp_path, layout, dtype):
    states = {"image": torch.randn(5, WIDTH), "text": torch.randn(1, WIDTH)}
    sizes = {"image_tokens": 5, "text_tokens": 2, "vllm_width": WIDTH}
    for sample_id in ("P01_11_0", "clip_7"):
        FeatureWriter(tmp_path, layout, dtype).write(sample_id, states)
        found = FeatureFolder(tmp_path, kinds_of("joint"))
        narrow = {kind: values.to(getattr(torch, dtype)).float() for kind, values in states.items()}
        assert np.array_equal(found.read("image", sample_id, sizes), narrow["image"])
        assert np.array_equal(found.read("text", sample_id, sizes)[:1], narrow["text"])
    if layout == "released":
        path = tmp_path / "vllm_text_feature" / "P01_11" / "0" / "input.npy"
        assert np.load(path).dtype == np.float16
        with pytest.raises(BenchError, match="needs ids <clip>_<action>, which 'kitchen' is not"):
            FeatureWriter(tmp_path, layout).write("kitchen", states)


def test_values_beyond_16_bits_are_refused(tmp_path):
    with pytest.raises(BenchError, match="choose bfloat16"):
        FeatureWriter(tmp_path).write("a", {"image": torch.full((2, 3), 1e6)})


def test_one_line():
    assert one_line(" The person\n takes\tit.\x00 ") == "The person takes it."


def test_a_repeated_call_with_features_completes_them(engine, drawn_split, tmp_path, monkeypatch):
    asked = []
    describe = VLLM.describe

    def counted(self, questions, *others):
        asked.append(len(questions))
        if len(asked) == 5:
            raise KeyboardInterrupt
        return describe(self, questions, *others)

    def enriched(place=None, name="seen"):
        features = place and FeatureWriter(tmp_path / place)
        return enrich(engine(batch_size=2), name, sampling=SAMPLING, features=features)

    monkeypatch.setattr(VLLM, "describe", counted)
    enriched()  # descriptions alone
    table = files_of(drawn_split, "seen")
    with pytest.raises(KeyboardInterrupt):
        enriched("late")
    assert len(asked) == 5
    enriched("late")
    assert len(asked) == 7  # the batch that was saved before is not generated again
    enriched("late")
    assert len(asked) == 7
    assert files_of(drawn_split, "seen") == table
    enriched("early", "other")  # both at once
    assert len(asked) == 10
    late, early = (FeatureFolder(tmp_path / name, kinds_of("joint")) for name in ("late", "early"))
    assert len(list((tmp_path / "late").rglob("*.safetensors"))) == 12
    assert late.digest() == early.digest()
    manifest = json.loads((tmp_path / "late" / "enrich.json").read_text())
    assert manifest["counts"] == {"samples": 6, "described": 6}

    path = drawn_split / "descriptions" / "seen.csv"
    path.write_text(path.read_text().replace("V00_0,", "V00_0,Not "))
    with pytest.raises(BenchError, match="another description of V00_0 than this call generates"):
        enriched("third")


@pytest.mark.parametrize("name", ["descriptions", "features/image"])
def test_nothing_is_written_through_a_link_that_leads_out(engine, drawn_split, tmp_path, name):
    link = drawn_split / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BenchError, match="is a link that leads out of"):
        enrich(engine(), "tuned", features=FeatureWriter(drawn_split / "features"))
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("subset", "ids", "line"),
    [
        ("train", ["V00_0", "V01_4"], "2 of the split's 6 samples, drawn from all its videos"),
        ("val", ["V00_0", "V01_1"], "the first 2 of the split's 6 samples"),
    ],
)
def test_a_limit_draws_from_a_training_split(bench, drawn_split, weights, subset, ids, line):
    manifest = drawn_split / "split.json"
    content = json.loads(manifest.read_text()) | {"subset": subset}
    manifest.write_text(json.dumps(content))
    call = ("--split", "drawn-val", "--weights", weights, "--max-new-tokens", 2, "--limit", 2)
    result = bench("lego", "enrich", *call, "--name", "few", "--temperature", "1")
    assert line in result.out
    _, made = files_of(drawn_split, "few")
    drawn = {"rule": "systematic over samples sorted by video", "count": 2, "of": 6, "seed": 0}
    assert made["drawn"] == (drawn if subset == "train" else None)
    described = set(load_descriptions(drawn_split, "few").texts)
    assert described | {row["sample_id"] for row in made["failed"]} == set(ids)
