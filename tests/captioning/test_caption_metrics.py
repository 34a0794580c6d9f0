"""BLIP-B and BLIP-L through the stage score, with small networks of the same classes."""

import csv
import re
from pathlib import Path

import pandas as pd
import pytest
import torch

from drawn_runs import write_drawn_run
from egoactgen_bench.captioning import transformers_blip


@pytest.fixture
def weights(small_weights: Path) -> Path:
    """BLIP base and large, CLIP and EgoVLP's text tower, all small."""
    return small_weights


@pytest.fixture
def described(drawn_split: Path) -> Path:
    """The drawn split with descriptions and two runs."""
    samples = pd.read_csv(drawn_split / "samples.csv", dtype=str)
    texts = samples["sample_id"].map(lambda name: f"the left hand reaches out to {name}")
    (drawn_split / "descriptions").mkdir()
    table = pd.DataFrame({"sample_id": samples["sample_id"], "description": texts})
    table.to_csv(drawn_split / "descriptions/drawn.csv", index=False)
    write_drawn_run(drawn_split, "grey")
    return drawn_split


def captions_of(folder: Path) -> dict[tuple[str, ...], str]:
    with (folder / "captions.csv").open(newline="") as stream:
        return {
            (row["run"], row["sample_id"], row["captioner"]): row["caption"]
            for row in csv.DictReader(stream)
        }


def test_each_caption_is_cached_and_used_by_all_its_metrics(
    bench, described: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    caption = transformers_blip.Blip.caption
    monkeypatch.setattr(
        transformers_blip.Blip,
        "caption",
        lambda self, frames, decoding: seen.append(len(frames)) or caption(self, frames, decoding),
    )
    names = "blip_b,blip_b_description,blip_b_egovlp,blip_b_egovlp_description,blip_l"
    assert bench("run", "--method", "copy-input").status == 0
    call = ("score", "--metrics", names, "--weights-dir", weights, "--reference", "target")
    result = bench(*call)
    assert result.status == 0, result.err
    folder = described.parents[1] / "scores/drawn-val/standard"
    values = pd.read_csv(folder / "scores.csv")
    assert sum(seen) == 2 * 18  # each of two captioners saw each frame once
    assert set(values["metric"]) == set(names.split(","))
    assert values["value"].between(-1, 1).all()
    captions = captions_of(folder)
    assert len(captions) == 3 * 6 * 2
    assert {key[2] for key in captions} == {"BLIP base", "BLIP large"}
    assert len(set(captions.values())) > 6
    assert not any(text.startswith("a picture of") for text in captions.values())
    seen.clear()
    before = (folder / "captions.csv").read_bytes(), (folder / "scores.csv").read_bytes()
    assert bench(*call, "--batch-size", 4).status == 0
    assert not seen
    assert bench(*call, "--batch-size", 5, "--overwrite").status == 0
    assert sum(seen) == 2 * 18
    assert (folder / "captions.csv").read_bytes() == before[0]
    again = pd.read_csv(folder / "scores.csv")
    assert again["value"].sub(values["value"]).abs().max() < 1e-5


def test_a_value_is_the_cosine_of_both_texts_embeddings(
    bench, described: Path, weights: Path
) -> None:
    from egoactgen_bench.metrics.clip_network import ClipTexts
    from egoactgen_bench.metrics.egovlp_features import EgovlpSentences

    encoders = {
        "standard": ClipTexts(weights / "ViT-L-14.safetensors", "cpu"),
        "lego-release": EgovlpSentences(
            weights / "egovlp.pth", weights / "distilbert-base-uncased", "cpu"
        ),
    }
    texts = {
        "standard": pd.read_csv(described / "samples.csv").set_index("sample_id")["action"],
        "lego-release": pd.read_csv(described / "descriptions/drawn.csv").set_index("sample_id")[
            "description"
        ],
    }
    for protocol, encoder in encoders.items():
        call = ("score", "grey", "--metrics", "blip_b", "--protocol", protocol)
        assert bench(*call, "--weights-dir", weights).status == 0
        folder = described.parents[1] / "scores/drawn-val" / protocol
        captions = captions_of(folder)
        for row in pd.read_csv(folder / "scores.csv").itertuples():
            pair = captions["grey", row.sample_id, "BLIP base"], texts[protocol][row.sample_id]
            first, second = (torch.from_numpy(encoder.extract([(text,)])[0]) for text in pair)
            expected = torch.nn.functional.cosine_similarity(first, second, dim=0).item()
            assert row.value == pytest.approx(expected, abs=1e-5)
            assert "dropout:off" in row.signature
            assert ("egovlp.pth:" in row.signature) == (protocol == "lego-release")


def test_missing_weights_and_descriptions_are_reported(
    bench, described: Path, weights: Path, tmp_path: Path
) -> None:
    partial = tmp_path / "models"
    partial.mkdir()
    (partial / "ViT-L-14.safetensors").symlink_to(weights / "ViT-L-14.safetensors")
    result = bench("score", "--metrics", "psnr,blip_b", "--weights-dir", partial)
    assert result.status == 1
    assert "bench models fetch blip-image-captioning-base" in result.err
    (described / "descriptions/drawn.csv").unlink()
    result = bench("score", "--metrics", "blip_b_description", "--weights-dir", weights)
    assert result.status == 1
    assert re.search("blip_b_description needs descriptions .*: select a set", result.err)
